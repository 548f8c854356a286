// The code that a processor runs when it is woken; wake.S.
#pragma once

#include <cstddef>
#include <cstdint>

/// From `wake_begin` to `wake_end`: to be copied to wake_address.
extern "C" std::byte const wake_begin[];
extern "C" std::byte const wake_data[];
extern "C" std::byte const wake_end[];

namespace twofold::guest {

/// Where the code is linked to run: a page of the first 640 KiB, whose number wakes processors.
inline constexpr std::uint64_t wake_address = 0x8000;
inline constexpr std::uint8_t wake_page = wake_address >> 12;

/// What stands at `wake_data`.
struct WakeData {
    /// Of the tables that it is to use; below 4 GiB.
    std::uint64_t cr3;
    std::uint64_t stack_end;
    void (*entry)();
};

} // namespace twofold::guest
