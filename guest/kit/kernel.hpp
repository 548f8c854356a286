// What a kernel of the family is made of: it defines run_kernel, and includes this.
#pragma once

#include "guest/kit/console.hpp"
#include "guest/kit/hypercall.hpp"
#include "guest/kit/launch.hpp"

namespace twofold::guest {

/// The kernel. What it returns is the guest's exit code, 0 to 255. `arguments[0]` is its name.
int run_kernel(Arguments arguments);

} // namespace twofold::guest
