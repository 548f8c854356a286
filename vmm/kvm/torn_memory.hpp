// Guest memory whose file is cut off while the guest runs: what lies behind the file's new end then
// reads as zeros in this process, instead of killing it.
#pragma once

#include <cstddef>
#include <span>

namespace twofold::vmm::kvm {

/// From here on, what `memory` has lost is replaced page by page. It must stay where it is as long
/// as the process lives. Not for two threads at once.
void outlive_torn_pages(std::span<std::byte> memory);

} // namespace twofold::vmm::kvm
