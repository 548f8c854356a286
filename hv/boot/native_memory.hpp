// The machine's own memory as a guest's: each gpa is its own hpa.
#pragma once

#include "hv/boot/memory_ranges.hpp"
#include "hv/cpu/physical_memory.hpp"

#include <twofold/load/guest_memory.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>

namespace twofold::hv {

/// Touches nothing but what is free.
class NativeMemory {
  public:
    /// What was asked for and is not free whole.
    struct Refused {
        MemoryRange range;
    };
    using Result = std::expected<void, Refused>;

    explicit NativeMemory(MemoryRanges const& free) : free_(free) {}

    Result write(Gpa gpa, std::span<std::byte const> from) {
        return use(gpa, from.size(), [&](void* to) { std::memcpy(to, from.data(), from.size()); });
    }
    Result read(Gpa gpa, std::span<std::byte> to) {
        return use(gpa, to.size(),
                   [&](void const* from) { std::memcpy(to.data(), from, to.size()); });
    }
    Result zero(Gpa gpa, std::uint64_t bytes) {
        return use(gpa, bytes, [&](void* to) { std::memset(to, 0, bytes); });
    }

  private:
    template <class Action>
    Result use(Gpa gpa, std::uint64_t bytes, Action&& action) {
        Hpa const begin{gpa.value()};
        MemoryRange const range{begin, begin + bytes};
        if (range.end < begin || !free_.hold(range)) return std::unexpected(Refused{range});
        if (bytes > 0) action(at<void>(begin));
        return {};
    }

    MemoryRanges const& free_;
};
static_assert(GuestMemory<NativeMemory>);

} // namespace twofold::hv
