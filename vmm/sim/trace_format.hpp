// The formats of trace files.
#pragma once

#include "sim/access_source.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace twofold::vmm {

enum class TraceFormat : std::uint8_t {
    /// What `valgrind --tool=lackey --trace-mem=yes` prints. A modify counts as a write.
    lackey,
    /// ChampSim's 64-byte instruction records: the instruction, then its loads, then its stores.
    champsim,
    /// Our own: lines "r ADDRESS", "w ADDRESS", "x ADDRESS"; # begins a comment.
    text,
    /// Our own: 8 bytes "TFTRACE\1", then 8 bytes an access, little-endian: the address without
    /// its top two bits, shifted left by two, and the kind: 0 read, 1 write, 2 execute.
    binary,
};

inline constexpr std::string_view binary_trace_magic{"TFTRACE\1", 8};

/// One record of the binary format.
constexpr std::uint64_t binary_record(TraceAccess const& access) {
    return access.gva.value() << 2 | static_cast<std::uint64_t>(access.access);
}
/// None for a kind that there is not.
constexpr std::optional<TraceAccess> from_binary_record(std::uint64_t record) {
    auto const kind = static_cast<std::uint8_t>(record & 3);
    if (kind == 3) return std::nullopt;
    auto const address = static_cast<std::uint64_t>(static_cast<std::int64_t>(record) >> 2);
    return TraceAccess{Gva{address}, static_cast<Access>(kind)};
}

/// "auto" is none. Throws UsageError for what is no format.
std::optional<TraceFormat> trace_format_named(std::string_view name);

/// Opens a trace, plain or compressed. Without `format` the content decides. Throws Failure with
/// the file and the line or offset of what is not as the format says.
std::unique_ptr<AccessSource> open_trace(std::filesystem::path const& path,
                                         std::optional<TraceFormat> format);

} // namespace twofold::vmm
