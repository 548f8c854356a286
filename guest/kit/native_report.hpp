// The guest's own part in the report (abi/report.hpp) where no hypervisor writes it: on the bare
// processor.
#pragma once

#include <twofold/arch/address.hpp>

#include <cstdint>
#include <string_view>

namespace twofold::guest {

void report_native_start();
/// Walks this processor's live tables. Returns the number of references.
std::uint64_t report_native_walk(Gva gva);
void report_native_figure(std::string_view name, std::uint64_t ticks);
/// Also the end of the report.
void report_native_stop(std::uint64_t code, std::uint64_t rip);

} // namespace twofold::guest
