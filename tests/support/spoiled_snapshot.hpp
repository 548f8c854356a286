// Snapshots of guests that no processor can go on with.
#pragma once

#include "kvm/snapshot_file.hpp"

namespace twofold::test {

/// Makes the frozen guest's code segment one of 64-bit and of 32-bit code at once, which the check
/// at a VM entry refuses (Intel SDM, "Checks on Guest Segment Registers"; AMD APM vol. 2,
/// "Canonicalization and Consistency Checks"). The guest must be in long mode.
inline void spoil_code_segment(std::filesystem::path const& file) {
    vmm::kvm::SnapshotFile const snapshot{file};
    auto head = snapshot.head();
    auto& code = head.processors.front().special.cs;
    code.l = 1;
    code.db = 1;
    auto memory = snapshot.map_memory();
    vmm::kvm::write_snapshot(file, head, memory.bytes());
}

} // namespace twofold::test
