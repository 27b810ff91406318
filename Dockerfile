# An image that holds the static program and nothing else. Build it in the folder of the unpacked octet-*-linux-x86_64.tar.gz:
#   docker build -t octet . && docker run --rm -v "$PWD:/work" octet quantize model out
FROM scratch
COPY bin/octet /octet
COPY share/doc/octet/copyright /copyright
WORKDIR /work
ENTRYPOINT ["/octet"]
