/**
 * The text that a password repeats, in code points: the shortest one that gives the password when it is written again and
 * again, the last time perhaps in part. It is the password itself if that repeats nothing.
 *
 * @example repeatedUnit("abcabcab") // "abc"
 */
export function repeatedUnit(password: string): string {
  const points = [...password];
  // The failure function of Knuth, Morris and Pratt: the length of the longest proper prefix that is also a suffix.
  const borders = [0];
  for (let at = 1; at < points.length; at++) {
    let border = borders[at - 1] ?? 0;
    while (border > 0 && points[at] !== points[border]) border = borders[border - 1] ?? 0;
    borders.push(points[at] === points[border] ? border + 1 : 0);
  }
  return points.slice(0, points.length - (borders.at(-1) ?? 0)).join("");
}
