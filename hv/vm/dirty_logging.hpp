// Which pages a guest writes: a log at its own wish, by write protection, by EPT dirty bits or by
// the processor's page-modification log.
#pragma once

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
};

/// The hypercalls `log_dirty` and `collect_dirty`. Both return true: the guest resumes.
bool log_dirty_for(Guest& guest, Registers& registers);
bool collect_dirty_for(Guest& guest, Registers& registers);

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
