import { ascii, unicode, type Vectors } from "./vectors.ts";

/**
 * Published by the systems, and computed independently: the text formats of Ory, Supabase, ASP.NET and Auth0 with Python 3.11
 * (`hashlib.scrypt`, `hashlib.pbkdf2_hmac`, AES of cryptography 38, which also gives the digest of firebase/scrypt's README), and
 * that of Spring Security's SCryptPasswordEncoder with BouncyCastle 1.72.
 */
export const publishedVectors: readonly Vectors[] = [
  {
    madeBy: "PasswordHasherTest.cs of dotnet/aspnetcore",
    password: "my password",
    hashes: [
      "$aspnet-identity$AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
      "$aspnet-identity$AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M",
      "$aspnet-identity$AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
      "$aspnet-identity$AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw==",
    ],
  },
  {
    madeBy: "Python 3.11",
    password: ascii,
    hashes: [
      "$firescrypt$ln=5,r=8,p=1$OX15+7qipmucTg==$MXa3KtiYjVqTQP2YgTf5dGYpodgn5nxxtLQM4lVrUvCMxTNrNcGKqLAiwJSyPwAqWMEcMeqyXRBRYD1C4C35+w==$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
      "$fbscrypt$v=1,n=5,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$OX15+7qipmucTg==$MXa3KtiYjVqTQP2YgTf5dGYpodgn5nxxtLQM4lVrUvCMxTNrNcGKqLAiwJSyPwAqWMEcMeqyXRBRYD1C4C35+w==",
      "$aspnet-identity$AJthmE9HGOCsXs7kluQqPbTd8/2jgVGHI8CmlTRqUZwf5u1OEpgx+mcLUGkB/I8lyQ==",
      "$aspnet-identity$AQAAAAEAAABkAAAAEAzXFMkFVBAglRbPZHwKD4DV6STNzsXJ+2uRtGaqQTPto9/9im5Xl5QkA9vEE5mJbw==",
      "$pbkdf2-sha224$i=100,l=20$gX/h6BYoLg7wPI6VsgHHqA$i5b7DJdp8zhdoGntGuEGK5cU9z0",
      "$pbkdf2-sha384$i=100,l=20$gX/h6BYoLg7wPI6VsgHHqA$kaw5WwyWcq+zrMqq+wpXyec7hZI",
    ],
  },
  {
    madeBy: "Python 3.11",
    password: unicode,
    hashes: [
      "$firescrypt$ln=5,r=8,p=1$Aatwt3+1cRVKkw==$hx8/lO4RcnotVr5PbU+cVOgnrvjTDvI58Z9iadsUWrvNoXSfoCbMg907cUHl4ythEY2DYlBgf8LaPINBOidkKg==$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
      "$fbscrypt$v=1,n=5,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$Aatwt3+1cRVKkw==$hx8/lO4RcnotVr5PbU+cVOgnrvjTDvI58Z9iadsUWrvNoXSfoCbMg907cUHl4ythEY2DYlBgf8LaPINBOidkKg==",
      "$aspnet-identity$AN8pjvdBlftxfADDib3EIj7nBkm7F25d6nT/g1plLCxT2Hb+Sn3HjInlrNq1P+wuRg==",
      "$aspnet-identity$AQAAAAEAAABkAAAAENvwGe3/IFTePmtuuzvuEjGelFGRS6lxqDmo4Q3sXNvBb5KyPAq5GRvxmxcFQLjrKg==",
      "$pbkdf2-sha224$i=100,l=20$jc5c5Rf7noOD8CNIXfFwsA$VZskOPkv41rXid1YOESEiU+yHv8",
      "$pbkdf2-sha384$i=100,l=20$jc5c5Rf7noOD8CNIXfFwsA$OPzGdjKwriR+013aBOEKV/0dr1c",
    ],
  },
  {
    madeBy: "BouncyCastle 1.72",
    password: ascii,
    hashes: ["$s0$50801$mRcPuxg0d6NalMm/OQt3Ag==$5Ui8DngKAW/tNFqOiPJ6U2lz3UlDJ9280zJTWmLcz9Y="],
  },
  {
    madeBy: "BouncyCastle 1.72",
    password: unicode,
    hashes: ["$s0$50801$mRcPuxg0d6NalMm/OQt3Ag==$vsKPgy0x9XtHA5C0uo2qGEKiOycAZ949vuNCAbBZNBU="],
  },
  // The costs are those of production, so that a test verifies each only once.
  {
    madeBy: "hash_comparator_test.go of ory/kratos",
    password: "8x4WjoDbSxJZdR",
    isCostly: true,
    hashes: [
      "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4NtimOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==$YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw==",
    ],
  },
  {
    madeBy: "password_test.go of supabase/auth",
    password: "mytestpassword",
    isCostly: true,
    hashes: [
      "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw==",
    ],
  },
];
