module pgpprof.example/shop

go 1.19
