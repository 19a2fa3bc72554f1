import { ascii, unicode, type Vectors } from "./vectors.ts";

/**
 * Made by libxcrypt 4.4.33 (Debian's libcrypt1) with `perl -e 'print crypt($password, $setting)'`, and by PHP 8.2.36 with
 * `password_hash($password, PASSWORD_BCRYPT)`.
 */
export const cryptVectors: readonly Vectors[] = [
  {
    madeBy: "libxcrypt 4.4.33",
    password: ascii,
    hashes: [
      "$2a$04$ZXHZCZ8NMjrcA0ADeNbUhucP5Og5hCP7azAx6.wTFi/g7uGNAGCXG",
      "$2b$04$DNBb6piCJsCzM5RjSWJuxulocoqBZ6uFISZfMQrx0s.A5teufBx0a",
      "$2x$04$pQWKlk5r1s25iIrNuTdT9uVWuavq6bKaxk1TBXx5x4UfZH.WbEI/u",
      "$2y$04$moLu7URMq55lMKesCk2IpuYf.Jr0r79Ub01.1mbl64U/SmT.YnyT2",
      "$7$46..../....cD1SyoID7sxGDxac$WgA7wXdlaeDpv6mgDU1Yv4iNxNaxsGN8RdsSBev3hO5",
    ],
  },
  {
    madeBy: "libxcrypt 4.4.33",
    password: unicode,
    hashes: [
      "$2a$04$mHoqEAlfG05LInyxTWdd9ufolmy4m2z2IXZMMkZCxYS0Ovm.pLO52",
      "$2b$04$bNwIbrd2IOo6vh2SuprXeuvQA6pm4vKOjaRxX6ISBDQk7Vi3XqDB6",
      "$2x$04$DQD76kmsKULHVcLtooR14ub0cd8kAKpQZu9kCyI9Cze2s6e1wgtfW",
      "$2y$04$V77g6yaH47E9hvhLEnxFmuFn.I6d.anwF3dOSRtdqjlTGMy4jKSqG",
      "$7$46..../....QTu2dGndxoVd7kFC$b9kcBXbhDNK98SlkIkDj0rdAiFbu6Kqt925S1XiVJ/1",
    ],
  },
  {
    // 80 bytes: the digest is that of the first 72.
    madeBy: "libxcrypt 4.4.33",
    password: "0123456789".repeat(8),
    hashes: ["$2b$04$abcdefghijklmnopqrstuum2G75IXDN/xsgbNa/hCiPSKyIHQd70S"],
  },
  {
    madeBy: "libxcrypt 4.4.33, bytes that are not UTF-8",
    password: Buffer.from("Gr\xfc\xdfe \xa3\x80", "latin1"),
    hashes: [
      "$2b$04$abcdefghijklmnopqrstuuFvR.Vy1UwcqQgcKlGLgvOsMb7v/mvXS",
      "$2x$04$abcdefghijklmnopqrstuugSuHvu8xYOVc4dLi13HHlo2rqY1bwuC",
    ],
  },
  {
    madeBy: "libxcrypt 4.4.33, no password",
    password: "",
    hashes: ["$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"],
  },
  {
    madeBy: "PHP 8.2.36",
    password: ascii,
    hashes: ["$2y$04$EZpOl7i6fB1/Jx7MneYSTuMu0Tsi3mZgl0BVAfNOpuix4DSgpB/tC"],
  },
  {
    madeBy: "PHP 8.2.36",
    password: unicode,
    hashes: ["$2y$04$5A9ErKnnn4T1TirtA1HIneXUKGp78WUedar0At7NicTiqKeKaow7a"],
  },
];
