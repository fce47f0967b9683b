/** Formats of `log` lines, and the labels that they may hold. */

/** The format when a Corefile names none, and what `{common}` stands for. */
export const COMMON_FORMAT =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" ' +
  "{rcode} {>rflags} {rsize} {duration}";

/** What `{combined}` stands for. */
export const COMBINED_FORMAT = `${COMMON_FORMAT} "{>opcode}"`;

/** Labels that mean something; `{/plugin/label}` are of the metadata plugin. */
export const LABELS: readonly string[] = [
  ...["{type}", "{class}", "{name}", "{proto}", "{size}", "{remote}", "{port}", "{local}"],
  ...[
    "{/forward/upstream}",
    "{>id}",
    "{>opcode}",
    "{>do}",
    "{>bufsize}",
    "{rcode}",
    "{rsize}",
    "{duration}",
    "{>rflags}",
  ],
];

/** Replaces `{common}` and `{combined}` by what they stand for. */
export function expandFormat(format: string): string {
  return format.replaceAll("{common}", COMMON_FORMAT).replaceAll("{combined}", COMBINED_FORMAT);
}

/** Labels in `format` that mean nothing, each once. */
export function unknownLabels(format: string): string[] {
  const labels = format.match(/\{[^{} ]*\}/g) ?? [];
  return [...new Set(labels)].filter((label) => !LABELS.includes(label));
}
