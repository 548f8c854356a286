// The records of abi/report.hpp about a guest under KVM.
#pragma once

#include "image/launch_plan.hpp"
#include "kvm/fault_statistics.hpp"
#include "kvm/stop.hpp"
#include "kvm/unknown_io.hpp"

#include <twofold/paging/nested_walk.hpp>

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm::kvm {

/// What a guest did while it ran.
struct Figures {
    std::uint64_t rip = 0;
    std::uint64_t ticks = 0;
    /// Exits to this program, by the names of KVM's reasons.
    std::map<std::string, std::uint64_t> exits;
    std::uint64_t unknown_ports = 0;
    std::uint64_t unknown_mmio = 0;
    /// Where these were, if that was asked for.
    std::map<std::string, UnknownUses> unknown_places = {};
    /// 4 KiB pages of memory with a frame at the end.
    std::uint64_t memory_frames = 0;
    /// Only those that our own handler answered.
    FaultStatistics faults;
    /// What the kernel counted of this machine.
    std::map<std::string, std::uint64_t> kernel;
};

std::string boot_record(std::string_view processor, std::uint64_t memory_bytes,
                        std::vector<std::pair<std::string_view, std::uint64_t>> const& phases);
std::string start_record(GuestPlan const& plan, std::string_view populate,
                         std::uint64_t ticks_to_entry);
std::string walk_record(Gva gva, std::vector<Reference> const& references,
                        std::expected<NestedTranslation, NestedFault> const& result);
std::string figure_record(std::string_view name, std::uint64_t ticks);
std::string stop_record(std::string_view name, Stop const& stop, Figures const& figures);
std::string load_error_record(std::string_view name, std::string_view message);
std::string end_record();

} // namespace twofold::vmm::kvm
