/** Every bound of the configuration reader, unit in its name. */

/** Snippet imports followed in one Corefile; the number of CoreDNS. */
export const SNIPPET_IMPORTS_MAX = 10_000;
/** Files imported by one Corefile. */
export const FILE_IMPORTS_MAX = 1_000;
/** Tokens of one Corefile after all imports. A large real one has a few thousand. */
export const TOKENS_MAX = 500_000;
/** Size of one configuration file. */
export const FILE_BYTES_MAX = 4 * 1024 * 1024;
/** Replacements of environment variables within one token; a value may hold references itself. */
export const ENV_REPLACEMENTS_MAX = 100;
/** Length of one token after environment variables were replaced, in UTF-16 units. */
export const TOKEN_LENGTH_MAX = 64 * 1024;
/** Longest name on the wire, RFC 1035 §3.1, and longest label, §2.3.4. */
export const NAME_BYTES_MAX = 255;
export const LABEL_BYTES_MAX = 63;
