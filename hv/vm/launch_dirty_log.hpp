// The log of the pages that each guest writes, kept for a whole run because the launch says so.
#pragma once

namespace twofold::hv {

struct Guest;
struct Host;

/// Stops the hypervisor, with the reason, where the launch asks for what the processor has not.
void require_dirty_logging(Host const& host);

/// Where the launch asks for a log: begins that of a guest that has not run yet, whose VMCS must be
/// the current one. False when no frames are left for it, and the guest has ended.
bool begin_dirty_log_of_launch(Guest& guest);

/// After a turn of the guest: collects its log after enough of its time, and at its end, and
/// reports what was found; at the end the whole as well.
void look_at_dirty_log_of_launch(Guest& guest);

} // namespace twofold::hv
