// A fuzzer of one loader: any bytes are a kernel or get an error. The environment variable
// TWOFOLD_LOADER says which: family, multiboot, pvh, linux or raw.
#include "support/load_any_kernel.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace {

using twofold::test::AnyKernelLoader;
using Load = std::string (AnyKernelLoader::*)(std::span<std::byte const>);

/// The loader that is asked for; ends the program when there is none of that name.
Load chosen_loader() {
    char const* const variable = std::getenv("TWOFOLD_LOADER");
    std::string_view const name = variable == nullptr ? "" : variable;
    if (name == "family") return &AnyKernelLoader::load_family;
    if (name == "multiboot") return &AnyKernelLoader::load_multiboot;
    if (name == "pvh") return &AnyKernelLoader::load_pvh;
    if (name == "linux") return &AnyKernelLoader::load_linux;
    if (name == "raw") return &AnyKernelLoader::load_raw;
    std::fputs("TWOFOLD_LOADER must be family, multiboot, pvh, linux or raw\n", stderr);
    std::exit(2);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static Load const load = chosen_loader();
    static AnyKernelLoader loader;
    auto const file = std::as_bytes(std::span{data, size});
    (void)twofold::detect_boot_protocol(file);
    std::string const broken = (loader.*load)(file);
    if (!broken.empty()) {
        std::fprintf(stderr, "%s\n", broken.c_str());
        std::abort();
    }
    return 0;
}
