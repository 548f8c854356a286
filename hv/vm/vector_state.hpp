// The x87 and SSE registers, which the hypervisor itself never uses.
#pragma once

namespace twofold::hv {

/// Makes them what they are after a reset.
void reset_vector_state();

} // namespace twofold::hv
