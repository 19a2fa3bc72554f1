import { ascii, unicode, type Vectors } from "./vectors.ts";

/**
 * Made by passlib 1.7.4 (Debian's python3-passlib 1.7.4-3, with bcrypt 3.2.2 and argon2-cffi 21.1) with `hash.using(…).hash(password)`
 * of argon2, bcrypt, bcrypt_sha256 (versions 2 and 1), scrypt, pbkdf2_sha1, pbkdf2_sha256, pbkdf2_sha512, cta_pbkdf2_sha1,
 * dlitz_pbkdf2_sha1 and phpass (idents P and H); and by argon2-cffi's `low_level.hash_secret`.
 */
export const passlibVectors: readonly Vectors[] = [
  {
    madeBy: "passlib 1.7.4",
    password: ascii,
    hashes: [
      "$argon2id$v=19$m=64,t=1,p=2$FCIEAEDIeQ+B8F7rnbMWQg$Odt5iusdEFrhel1A6+9LVQ",
      "$2b$04$05CaabVeChZJQd.FeyIU8.XWWSumWZb9R6NyGF/nONlitFtS65vfe",
      "$bcrypt-sha256$v=2,t=2b,r=4$HOvs13gqre2RNx0Xgm5JTO$bE20LzQiLCqEyxl/KEI1DUHQ6RQFUwm",
      "$bcrypt-sha256$2b,4$3KwgNLKZA5eB.niVPdqeSu$rMQ/Xy9yKDrt8ubMIp1yRGLfjC2ySfm",
      "$scrypt$ln=4,r=8,p=2$GcPYO0co5RzDOMc4x3iPUQ$oypsSBTF9eURE+SbE6KCnTWnPucwBTB6Zu1G1cL/PM8",
      "$pbkdf2$100$dM4ZY2zN.Z/TGkPIGWNs7Q$7rgyjwSL0ALN0nL0UQ71MVm1KIg",
      "$pbkdf2-sha256$100$rvXe.x9DqBXiHCMEIMT4Pw$8sX7Slaw2W4oRX.pkHFDu5OTqRgpU4/yoZ3Dy3qCBCY",
      "$pbkdf2-sha512$100$ghDCmJOylrJ2bk1JyVnrfQ$bjxH8O51NCBQ4dfCOfud2U6rC3Pb2I9fowUa0bviYFZbTYdL05LBQNRjcvvqn.HAVeLx0LDpsK30mqU1.hujSQ",
      "$p5k2$64$gxACgBACYGzNWUuJ8V4r5Q==$43i3qdte88kxgoylQkhri1fKUDY=",
      "$p5k2$64$Q4U7svlVgyj4QTLx$yqMevUh7OyqxyJfKDS0xbY1B8dbymgLH",
      "$P$5s03nwYHWvFGeMr3u4Ri57G67mUFys.",
      "$H$5IKsjIttunIcm43X7/B6G6ydmbSRjN/",
    ],
  },
  {
    madeBy: "passlib 1.7.4",
    password: unicode,
    hashes: [
      "$argon2id$v=19$m=64,t=1,p=2$gBDiPMdYK+U8x9h7z3nPWQ$EPNQIcwTkaY1P0yUOsErtQ",
      "$2b$04$Zq3QmkE49udDvfHbg2LxrO3/8UYemNikZSOqylH6P.R5eTJzdqcyq",
      "$bcrypt-sha256$v=2,t=2b,r=4$.N9YfT3CnDYppJrOwC3E.O$/qPoU2aqbbkyaOfq.nS0urc8bSGnABO",
      "$bcrypt-sha256$2b,4$8Vok0J6uS0ydfsWw3Phhre$8JIX8NrRWz.B571Rsywu0F/jYazdVqy",
      "$scrypt$ln=4,r=8,p=2$tHZuTQmB0DoHoDSGMCaEsA$vWJs0JC2lAfyatt9UVWKZFFYcX2rdx6v2SsZrzox1m4",
      "$pbkdf2$100$DqFUKqUUYqx1rjWmtPa.tw$IGvQYotaVudeiqD2BavSwmovLxc",
      "$pbkdf2-sha256$100$/n8PwVgrhdD6PweAcC4F4A$V9PI7HVQkGZItEQyY9x6qMfJudyS.tY1AE1nyBOFzO0",
      "$pbkdf2-sha512$100$SokRYoyRkrIWQkjpfa91zg$jzlEky99HSlRxI9EaNpqn.71f/E5gUGQjvDqNjYZjgcirbZ8Wzt7iOam4k62tbwy8HDCe3EwpK2X6zLzARC.yA",
      "$p5k2$64$2htDiLG2FoKQkjLmXEup9Q==$KGD0ISkT8RrdkbU8QFKfwcllQ6I=",
      "$p5k2$64$hEBIetZWnWuVV2Rw$VcMv0eUXdO2A3k44xSRUGZFQ6eW46BZb",
      "$P$5WgwMAdtrpk9xUcr71.tvaUzZ0hK0d.",
      "$H$5UbF51B.0AKqPx568lfx5uOZ2TtaXw.",
    ],
  },
  {
    madeBy: "argon2-cffi 21.1, each type and version",
    password: unicode,
    hashes: [
      "$argon2id$v=16$m=64,t=2,p=4$4KKsqfkx2G/a70p/hOzltA$AdzPBUz88upPH0Knhx2h+MPen2YPQsHB0fpg8VBnzzs",
      "$argon2id$v=19$m=64,t=2,p=4$3OLRGKLmKsyF1OeuQuqR7w$5Ebq9aWKewuVio0E5ZOT/5JAydnvtg1eSApCGBHDsHs",
      "$argon2i$v=16$m=64,t=2,p=4$B8tgWO+8SnADndTiopsF7g$UIjjvigwo6kOoCR85O8NSpOeJdHXnr/T8gPNzmw4dOs",
      "$argon2i$v=19$m=64,t=2,p=4$8WROOKY9bIb8WUmB66Nx6A$WeDV4SKghxGd6V01PYEqiugHEq+/ntVermXZmmePgLg",
      "$argon2d$v=16$m=64,t=2,p=4$q9I1LZcGopUdlNbV28Xhsw$/rMmC8cvYov+SfFYZLdLXgLpAZ7SyWy8E+9rnBZB/qA",
      "$argon2d$v=19$m=64,t=2,p=4$KKUJpCb8Dq4wBpH8MfbcdQ$nePd6FKSN6QUJyQQxidwKQJ84UYmtyHLEZ1dnc2esiM",
    ],
  },
  // The first has 8 bytes of salt and 100 of digest. The second has version 16 without its mark, as before version 19 existed.
  {
    madeBy: "argon2-cffi 21.1",
    password: ascii,
    hashes: [
      "$argon2id$v=19$m=8,t=1,p=1$OCBieXRlcy4$C5yqlfySkoeLphxTmFtDDtkZ4IAu5UpS4uuafdg8wSAUyzsw5qmoDTWROx1BA7S8SeDvvSok4VSGot+7uuMpuLqHERkSxP3VuOQw3e7lz1UHjTC66GebP/ZJ6aFI8U2mUhecCA",
      "$argon2i$m=32,t=1,p=4$9s07dckXBAwGlhr0LUSHBQ$H3lOL3Egfx560OcLfPDS9g",
    ],
  },
];
