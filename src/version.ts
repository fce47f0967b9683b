/** Which nodens this is. The build bakes in the commit; from source there is none. */

declare const NODENS_COMMIT: string | undefined;

/** The release, the same as in `package.json`. */
export const VERSION = "0.1.0";

/** Abbreviated commit the executable was built from, with `-dirty` where files had changes. */
export const COMMIT = typeof NODENS_COMMIT === "string" ? NODENS_COMMIT : "source";
