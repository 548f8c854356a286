// Doing what may raise an exception, and living on.
#pragma once

#include <cstdint>

namespace twofold::guest {

/// The exception that ended an attempt.
struct Trap {
    static constexpr std::uint64_t none = 256;

    std::uint64_t vector = none;
    std::uint64_t error_code = 0;
    /// Where the guest would have gone on.
    std::uint64_t rip = 0;
    std::uint64_t cr2 = 0;
};

/// Every exception and interrupt from now on ends the attempt that is under way. Outside of one it
/// ends the guest, as the kit does it.
void catch_traps();

/// Calls `action(argument)`, and returns what ended it: an exception, or nothing.
Trap attempt_call(void (*action)(void*), void* argument);

/// Calls `action()`; objects that it made are not destroyed when an exception ends it.
template <class Action>
Trap attempt(Action&& action) {
    auto* const pointer = &action;
    return attempt_call([](void* argument) { (**static_cast<decltype(pointer)*>(argument))(); },
                        const_cast<void*>(static_cast<void const*>(&pointer)));
}

} // namespace twofold::guest
