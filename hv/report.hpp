// The records of the report that concern the machine and the hypervisor as a whole
// (abi/report.hpp).
#pragma once

#include <twofold/abi/json_line.hpp>
#include <twofold/memory/frame_audit_types.hpp>
#include <twofold/memory/frame_pool.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace twofold::hv {

/// A stretch of the way from the loader's first instruction.
struct Phase {
    std::string_view name;
    std::uint64_t ticks;
};

struct PanicRecord {
    std::uint64_t vector;
    std::string_view name;
    std::uint64_t rip;
    std::uint64_t error_code;
    std::uint64_t cr2;
    std::string_view message;
};

void report_boot(std::string_view processor, std::uint64_t memory_bytes,
                 std::span<Phase const> phases);
void report_audit(AuditResult const& result);
void report_error(std::string_view message);
void report_panic(PanicRecord const& panic);

/// The report's last line. Nothing may be written after it.
void report_end();

/// Where `end` finds how many frames are in use; none before this is called. The pool must outlive
/// the report.
void report_frames_of(FramePool const& pool);

} // namespace twofold::hv
