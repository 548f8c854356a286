// The loaders of all boot protocols compile without an operating system: this file is compiled as
// hv/ is, and nothing of it runs.
#include <twofold/load/load_error_text.hpp>
#include <twofold/load/load_foreign.hpp>

namespace twofold::freestanding {

struct Memory {
    std::expected<void, int> write(Gpa to, std::span<std::byte const> from);
    std::expected<void, int> read(Gpa from, std::span<std::byte> to);
    std::expected<void, int> zero(Gpa from, std::uint64_t bytes);
};

LoadedKernel<Memory> load(std::span<std::byte const> file, BootOptions const& options,
                          Memory& memory);

LoadedKernel<Memory> load(std::span<std::byte const> file, BootOptions const& options,
                          Memory& memory) {
    auto const protocol = detect_boot_protocol(file);
    if (!protocol) return std::unexpected(LoadFailure<int>{protocol.error()});
    return load_foreign(file, *protocol, {Gpa{0x7c00}}, options, memory);
}

} // namespace twofold::freestanding
