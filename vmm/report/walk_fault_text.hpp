// Why a walk ended without a translation, in words.
#pragma once

#include "report/record.hpp"

#include <string>

namespace twofold::vmm {

/// Which entry, of which dimension and level, and which of its bits: "EPT PTE: bits 2:0 (R, W, X)
/// are clear". The walk must have ended in a fault.
std::string fault_text(record::Walk const& walk);

} // namespace twofold::vmm
