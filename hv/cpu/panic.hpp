// How the hypervisor ends when it cannot go on.
#pragma once

#include <string_view>

namespace twofold::hv {

/// Says why on the console, writes the report's `error` and `end`, and ends the machine.
[[noreturn]] void stop_with_error(std::string_view message);

/// From here on, an exception that reaches the hypervisor's table is the native guest's.
void blame_native_guest();

} // namespace twofold::hv
