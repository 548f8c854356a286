// What an access wants and what a mapping allows.
#pragma once

#include <bit>
#include <cstdint>

namespace twofold {

enum class Access : std::uint8_t { read, write, execute };

/// What a mapping allows. A walk ends with the conjunction of what every level allows.
struct Permissions {
    bool read = false;
    bool write = false;
    bool execute = false;
    /// First dimension only: reachable from ring 3.
    bool user = false;

    [[nodiscard]] constexpr bool allow(Access access) const {
        switch (access) {
        case Access::read: return read;
        case Access::write: return write;
        case Access::execute: return execute;
        }
        return false;
    }
    friend constexpr Permissions operator&(Permissions a, Permissions b) {
        // Four flags at once: walks do this for every entry.
        return std::bit_cast<Permissions>(std::bit_cast<std::uint32_t>(a) &
                                          std::bit_cast<std::uint32_t>(b));
    }
    friend constexpr bool operator==(Permissions, Permissions) = default;

    static constexpr Permissions all() { return {true, true, true, true}; }
};

inline constexpr Permissions read_only{.read = true};
inline constexpr Permissions read_write{.read = true, .write = true};
inline constexpr Permissions read_execute{.read = true, .execute = true};
inline constexpr Permissions read_write_execute{.read = true, .write = true, .execute = true};

/// Memory types by their encoding in EPT entries and MTRRs (Intel SDM vol. 3, "Memory Types That
/// Can Be Encoded").
enum class MemoryType : std::uint8_t {
    uncacheable = 0,
    write_combining = 1,
    write_through = 4,
    write_protected = 5,
    write_back = 6,
};

} // namespace twofold
