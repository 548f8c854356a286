// What a kernel of another's making is launched with.
#pragma once

#include <twofold/load/load_error.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

namespace twofold {

/// A file that the kernel finds in its memory.
struct BootModule {
    std::span<std::byte const> contents;
    /// By custom its file's name, then arguments. Linux, whose one module is the initrd, gets none.
    std::string_view command_line = {};
};

struct BootOptions {
    static constexpr std::size_t most_modules = 32;

    /// Bytes; a multiple of 4096, above 0, at most most_guest_memory.
    std::uint64_t memory_bytes;
    /// The kernel's name: what the command line of Multiboot starts with.
    std::string_view name = {};
    /// The rest of the command line.
    std::string_view arguments = {};
    std::span<BootModule const> modules = {};
    /// The guest's memory is known to read as zero before anything is loaded.
    bool memory_reads_zero = false;
};

/// What every protocol asks of the options.
[[nodiscard]] constexpr std::expected<void, LoadError> check_options(BootOptions const& options) {
    std::uint64_t const memory = options.memory_bytes;
    if (memory == 0 || memory % 4096 != 0 || memory > most_guest_memory) {
        return std::unexpected(LoadError{.kind = LoadErrorKind::bad_memory_size,
                                         .found = memory,
                                         .expected = most_guest_memory});
    }
    if (options.modules.size() > BootOptions::most_modules) {
        return std::unexpected(LoadError{.kind = LoadErrorKind::too_many_modules,
                                         .found = options.modules.size(),
                                         .expected = BootOptions::most_modules});
    }
    return {};
}

} // namespace twofold
