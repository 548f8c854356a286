// The kernel's stack.
#pragma once

#include <cstdint>

namespace twofold::guest {

/// Maps the stack by small pages in a region of its own, so that nothing is mapped below it
/// whatever the launch's page size. Returns its end.
std::uint64_t make_stack();

} // namespace twofold::guest
