/** Codes found while one types: by code, by name in any language, by the pinyin initials of a Chinese name. */

/** Codes that a query means, best first; all of them, in the order of the codebook, for an empty query. */
export function find(codes, query) {
  const wanted = plain(query);
  if (!wanted) return codes;
  const ranked = codes.map((code, place) => ({ code, place, rank: rank(code, wanted) })).filter((one) => one.rank > 0);
  ranked.sort((one, other) => other.rank - one.rank || one.place - other.place);
  return ranked.map((one) => one.code);
}

/** How well a code fits a query without spaces and dots: 0 not at all. */
export function rank(code, wanted) {
  const own = plain(code.code);
  if (own === wanted) return 100;
  if (own.startsWith(wanted)) return 90;
  const names = Object.values(code.name).map((name) => name.toLowerCase());
  const best = names.map((name) => rankName(name, wanted));
  return Math.max(0, ...best, rankInitials(code.initials ?? [], wanted));
}

/** Lower case, without what people leave out: spaces, dots, hyphens, the apostrophes an input method puts in. */
export function plain(text) {
  return text
    .toLowerCase()
    .normalize("NFKC")
    .replace(/[\s.\-_'’·]/g, "");
}

function rankName(name, wanted) {
  const bare = plain(name);
  if (bare.startsWith(wanted)) return 80;
  if (name.split(/[\s-]+/).some((word) => plain(word).startsWith(wanted))) return 70;
  return bare.includes(wanted) ? 50 : 0;
}

/** Each character has the initials of all its readings: a query fits where each of its letters is one of them. */
function rankInitials(initials, wanted) {
  for (let start = 0; start + wanted.length <= initials.length; start += 1) {
    if ([...wanted].every((letter, place) => initials[start + place].includes(letter))) return start ? 40 : 60;
  }
  return 0;
}
