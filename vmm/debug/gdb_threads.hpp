// Threads of the GDB remote protocol: thread N + 1 is processor N.
#pragma once

#include "debug/debug_target.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

/// What a thread's id in a packet can be beside one thread.
inline constexpr std::int64_t all_gdb_threads = -1;
inline constexpr std::int64_t any_gdb_thread = 0;

/// One of these, or the number of a thread that there is.
std::optional<std::int64_t> parse_gdb_thread(std::string_view id, unsigned processors);

/// Of "action[:thread][;action...]", what each processor is to do: of the actions that are about
/// it, the first. Nothing when that is malformed, or when none is to do anything.
std::optional<std::vector<ResumeKind>> parse_vcont(std::string_view actions, unsigned processors);

/// What is told of a stop; `names_breakpoints`: the debugger knows what "swbreak" and "hwbreak"
/// are.
std::string gdb_stop_reply(DebugStop const& stop, bool names_breakpoints);

} // namespace twofold::vmm
