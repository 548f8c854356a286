// Which pages a guest writes: a log at its own wish, by write protection, by EPT dirty bits or by
// the processor's page-modification log.
#pragma once

#include <twofold/abi/hypercall.hpp>
#include <twofold/memory/dirty_log.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace twofold::hv {

struct Guest;
struct Registers;

/// A guest's log, and the frames that it takes beside this one.
struct DirtyLogging {
    DirtyLog log;
    /// A block for the log's words and for as many of the last collection.
    Hpa block;
    unsigned block_level;
    std::span<std::uint64_t> collected;
    /// The page-modification log, by that means.
    std::optional<Hpa> processor_log;
    /// Ticks since the log was begun, of full logs of the processor and of who collects.
    std::uint64_t ticks = 0;
    /// Kept because the launch says so (launch_dirty_log.hpp): then `collected` is what all
    /// collections have found.
    bool of_the_launch = false;
    std::uint64_t collections = 0;
    /// Guest::ticks_run at the last of them.
    std::uint64_t ticks_run = 0;
    /// SpaceStatistics::taken_over when the log was begun.
    std::uint64_t taken_over = 0;
};

/// The hypercalls `log_dirty` and `collect_dirty`. Both return true: the guest resumes.
bool log_dirty_for(Guest& guest, Registers& registers);
bool collect_dirty_for(Guest& guest, Registers& registers);

/// Whether the guest's processor has the means.
bool can_log_dirty(Guest const& guest, abi::DirtyLogging means);
/// Begins a log for a guest that keeps none, whose VMCS must be the current one. False when there
/// are too few frames for it, and none can be found.
bool start_dirty_logging(Guest& guest, abi::DirtyLogging means);
/// Moves what the processor has noted of the guest, whose VMCS must be the current one, to its log.
void drain_processor_log(Guest& guest);

/// The exit for a page-modification log that is full.
bool handle_full_log(Guest& guest);

/// Ends the log, if one is kept, and gives its frames back. The guest's VMCS must be the current
/// one.
void stop_dirty_logging(Guest& guest);

/// While it lives, the running guest's VMCS names no page-modification log.
class ProcessorLogPause {
  public:
    explicit ProcessorLogPause(Guest& guest);
    ~ProcessorLogPause();
    ProcessorLogPause(ProcessorLogPause const&) = delete;
    ProcessorLogPause& operator=(ProcessorLogPause const&) = delete;

  private:
    Guest& guest_;
};

} // namespace twofold::hv
