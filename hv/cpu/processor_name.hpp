// What the processor calls itself.
#pragma once

#include <twofold/abi/text.hpp>

namespace twofold::hv {

/// The brand string without the blanks around it; the vendor where there is none.
abi::TextBuffer<48> processor_name();

} // namespace twofold::hv
