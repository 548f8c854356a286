// How the hypervisor ends when it cannot go on.
#pragma once

#include <string_view>

namespace twofold::hv {

/// Says why on the console, writes the report's `error` and `end`, and ends the machine.
[[noreturn]] void stop_with_error(std::string_view message);

} // namespace twofold::hv
