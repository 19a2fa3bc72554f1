import { ascii, unicode, type Vectors } from "./vectors.ts";

/**
 * Made by the hashers of Django (Argon2, BCryptSHA256 and BCrypt: Debian's python3-django 3.2.25; PBKDF2, PBKDF2SHA1 and Scrypt:
 * 5.2.17 of PyPI) with `encode(password, salt)`, and by Werkzeug 3.1.9 of PyPI with `generate_password_hash(password, method)`.
 */
export const djangoVectors: readonly Vectors[] = [
  {
    madeBy: "Django",
    password: ascii,
    hashes: [
      "argon2$argon2id$v=19$m=64,t=1,p=2$QTVWQ25pRHJic1BBWVVBMXBvdlFVTA$rh4/cnEdtf9Bd4lPqca0Sw",
      "bcrypt_sha256$$2b$04$tzerKyBi8/cWutZgNwvWXeCROsyjYl8VM3h.g5ef28CePuEzD.LGe",
      "bcrypt$$2b$04$ZwE6dq3KcO4BhT7XGFV01efNt/gu92sK15gJxZjW36F23/YVCsF0.",
      "scrypt$32$q5aCtj0YjPI8oUOwsRCAz0$8$5$ltqkDi1//r73alIc+An8gyKf9d2vOJJysgaoAWMJFieh2XGWHw966z0CmQas1e6FxVDwZM/yy3amhJAt7ciffg==",
      "pbkdf2_sha256$100$UlKWwFaaI7U1gAd2TGklEZ$wljkX2p88rNVxzLaj4xKhCW7uz3zJeKlIoeX/KPo6sw=",
      "pbkdf2_sha1$100$MsWIlFRqARm3VRIW6NR4zc$uP6A6G2hQLhaldzdgakkCyzqTwY=",
    ],
  },
  {
    madeBy: "Django",
    password: unicode,
    hashes: [
      "argon2$argon2id$v=19$m=64,t=1,p=2$WUtaWlJwYVQ3YUtqVzRvVVI4cmU3bw$PONaOW43QbWXvWe4s/sYkg",
      "bcrypt_sha256$$2b$04$SRFD06Sm.7r09InXILJDKe.ag6pvJlIU8TfuBDzo5wYZsG2ExJGUe",
      "bcrypt$$2b$04$7n/vVO9tHsdUTEp86ePY4ekWOpmotbG.aoCBILug7qcVbQOuY3Dbu",
      "scrypt$32$ekyPdPZAIZpDiQv9bAaEeq$8$5$TDe0hlmshxNaWbmJ8OflP2ol8iLp6d5sUGxqk9aSIeeWzToaabt4bMURqPizF5vTcaoqdNdduzoNtL/DNjSneA==",
      "pbkdf2_sha256$100$gFTEUhBXMiaTthzfkuBZB4$ySbpvQyI6Jcn+DPL2kCYWV1mt5AYuFwDwU4R7mb9ulk=",
      "pbkdf2_sha1$100$JpXv220GOauuAgOvJkbigO$cYHY5DZvgwPoRUK4QzEkHRftNfs=",
    ],
  },
  {
    madeBy: "Werkzeug 3.1.9",
    password: ascii,
    hashes: [
      "scrypt:32:8:2$m6KYZU2b8j04gUA2$14bf59ed1605935d0f66a2ff5fc995a8d86f2dc82bb098cc84815c75be2734a00c1711d973819e31b20e89678c2200d299cce208308372fbf0e3ffc34be5e84b",
      "pbkdf2:sha256:100$if1CV4U50BY2966x$e1e66b9dfd12d90221a96aafe59794cbcd372cad5dd378a63180e2a9ecfbb9bb",
      "pbkdf2:sha512:100$kD3BxpowwwA46t5s$b0d90f5be265d625f5353ce8f21131ba61d310479ba2b800a6b8af4e0f1ae01764a18ed888c3c89f61f76f2362d4fd1eb2a218f95d74007b7eb56b2711827bd5",
      "pbkdf2:sha1:100$v9RwGfastUO7kLUw$4ecdc939cd314e33c9adb6a700375ec5a7cabfd2",
    ],
  },
  {
    madeBy: "Werkzeug 3.1.9",
    password: unicode,
    hashes: [
      "scrypt:32:8:2$3YeorXvCzEsqPGRP$3db70b761c82d1efdbd505f469c45fe0f4557b6c9cd07798d37ba110bf95dfa928fda92e23e9149bbbea4b4393dfa07a4b1b67e91524b49847182e5bbe0b6ba8",
      "pbkdf2:sha256:100$1hkr2wZPXio4R2SH$71ea181de697fb1eadad6e31351943d675a8d352963a34ad8b07ac972b9c1191",
      "pbkdf2:sha512:100$Zk09aakaNOiOc0ah$5b21d03d8a0e68ca08d1aae2cd53f97a62b44081e91533f6b18375aff5aad99a687830c7e7c9a9ddb39d997d0ead277ec3ba93e017e9d08f95cb4bfceeac0b28",
      "pbkdf2:sha1:100$hcRIBchLMEt0vG7b$dfb33ce092ae7b331a7ccac59ae234ef6f7abb84",
    ],
  },
];
