// Executing from a page that holds nothing but zeros.
#pragma once

#include <twofold/arch/address.hpp>

namespace twofold::guest {

/// From now on fetch_from works: takes the vector of #GP.
void prepare_fetches();

/// Fetches an instruction from `gva`, where zeros must be, and returns. Two zero bytes are
/// `add %al, (%rax)`; with an RAX that is no address this one faults before it does anything.
void fetch_from(Gva gva);

} // namespace twofold::guest
