// The walk of a mode that the guest has come back from, for the report: on the bare processor,
// where nobody else writes it.
#pragma once

#include "guest/kit/paging.hpp"

namespace twofold::guest {

using Paging32 = X86Format32<Gva, Gpa>;
using PagingPae = X86PaeFormat<Gva, Gpa>;
using PagingOff = NoPagingFormat<Gva, Gpa>;

/// Each returns the number of references.
std::uint64_t report_native_walk(Paging32 const& format, Gpa root, Gva gva);
std::uint64_t report_native_walk(PagingPae const& format, PagingPae::Root const& root, Gva gva);
std::uint64_t report_native_walk(PagingOff const& format, Gpa root, Gva gva);

} // namespace twofold::guest
