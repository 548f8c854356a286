#include "debug/gdb_threads.hpp"

#include "debug/gdb_numbers.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

/// C and S come with a signal; a guest has none.
std::optional<ResumeKind> kind_of(std::string_view action) {
    if (action == "s" || action.starts_with("S")) return ResumeKind::step;
    if (action == "c" || action.starts_with("C")) return ResumeKind::run;
    return std::nullopt;
}

/// Signal numbers as GDB has them.
std::string_view signal_of(DebugStop::Reason reason) {
    switch (reason) {
    case DebugStop::Reason::interrupted: return "02";
    case DebugStop::Reason::fault: return "0b";
    default: return "05";
    }
}

std::string hit_text(Breakpoint const& hit, bool names_breakpoints) {
    switch (hit.kind) {
    case BreakpointKind::software: return names_breakpoints ? "swbreak:;" : "";
    case BreakpointKind::hardware: return names_breakpoints ? "hwbreak:;" : "";
    case BreakpointKind::write: return fmt::format("watch:{:x};", hit.gva.value());
    case BreakpointKind::access: return fmt::format("awatch:{:x};", hit.gva.value());
    }
    return {};
}

} // namespace

std::optional<std::int64_t> parse_gdb_thread(std::string_view id, unsigned processors) {
    if (id == "-1") return all_gdb_threads;
    auto const number = parse_hex(id);
    if (!number || *number > processors) return std::nullopt;
    return static_cast<std::int64_t>(*number);
}

std::optional<std::vector<ResumeKind>> parse_vcont(std::string_view actions, unsigned processors) {
    std::vector kinds(processors, ResumeKind::stay);
    while (!actions.empty()) {
        auto const [one, others] = split_at(actions, ';');
        auto const [action, id] = split_at(one, ':');
        auto const kind = kind_of(action);
        auto const thread = id.empty() ? all_gdb_threads : parse_gdb_thread(id, processors);
        if (!kind || !thread) return std::nullopt;
        for (unsigned n = 0; n < processors; ++n) {
            bool const meant = *thread == all_gdb_threads || *thread == any_gdb_thread ||
                               *thread == std::int64_t{n} + 1;
            if (meant && kinds[n] == ResumeKind::stay) kinds[n] = *kind;
        }
        actions = others;
    }
    if (std::ranges::count(kinds, ResumeKind::stay) == std::ssize(kinds)) return std::nullopt;
    return kinds;
}

std::string gdb_stop_reply(DebugStop const& stop, bool names_breakpoints) {
    if (stop.reason == DebugStop::Reason::ended) return fmt::format("W{:02x}", stop.exit_status);
    return fmt::format("T{}thread:{:x};{}", signal_of(stop.reason), stop.processor + 1,
                       stop.hit ? hit_text(*stop.hit, names_breakpoints) : "");
}

} // namespace twofold::vmm
