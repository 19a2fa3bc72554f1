import { ascii, unicode, type Vectors } from "./vectors.ts";

/**
 * Made in PHP 8.2.36 with the code of WordPress 6.8 (`wp_hash_password`, class-phpass.php). WordPress adds slashes to the fields of
 * a form (`addslashes`) and trims passwords. phpBB uses the same phpass, after `htmlspecialchars` with ENT_COMPAT; phpBB 3.0 also
 * trims passwords.
 */
export const phpProgramVectors: readonly Vectors[] = [
  {
    madeBy: "WordPress 6.8",
    password: ascii,
    hashes: ["$wp$2y$04$CYmzEyzQLWeK/3ThBckp3O5qeJQIVL8BVgSLo7AI3A0mr9TaOcreK"],
  },
  {
    madeBy: "WordPress 6.8",
    password: unicode,
    hashes: ["$wp$2y$04$NO1UK2bBI5WaP2GcVX.LLugO/uvGCHyIHYNZeSrQ0la9xYUrFXATq"],
  },
  {
    madeBy: "WordPress 6.8: a password of a form, and one of a program",
    password: ' it\'s "quoted" \\ ',
    hashes: [
      "$wp$2y$04$3eCVi/o9J2M6p4L.bwryzeJd9C80tK9XGdN.u8.R/yxnHN14AWH.W",
      "$wp$2y$04$UNtitJ8cLcNdSK9TDQvZcOC1NGTUovHda1jUTKU9Tj9BbQQrwHhxO",
      "$P$5abcdefghegw9Y0pIR.bP7Vj6loLbi.",
      "$P$5abcdefghIPtzdHhdxFmlRPdk2MctF0",
    ],
  },
  {
    madeBy: "phpBB 3.1 and 3.0",
    password: '<b> & "it\'s" ',
    hashes: ["$H$5abcdefghI4LqagLIIwcKfPL/Ac9.f/", "$H$5abcdefgh1axujzWH9CIx8GBCiKMEv/"],
  },
  {
    madeBy: "the test of phpass 0.3",
    password: "test12345",
    hashes: ["$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"],
  },
];
