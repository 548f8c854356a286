// A fuzzer of the virtio devices: any bytes are a guest's memory with a queue in it.
#include "support/virtio_rig.hpp"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static twofold::test::AnyVirtioTraffic traffic;
    std::string const broken = traffic.drive(std::as_bytes(std::span{data, size}));
    if (!broken.empty()) {
        std::fprintf(stderr, "%s\n", broken.c_str());
        std::abort();
    }
    return 0;
}
