// What Bochs itself says that the processor read during a page walk.
#pragma once

#include <twofold/paging/nested_walk.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

/// One access to a paging-structure entry, as `trace-mem on` prints it.
struct TracedAccess {
    Dimension dimension;
    unsigned level;
    bool write;
    std::uint64_t address;
    std::uint64_t entry;

    friend bool operator==(TracedAccess const&, TracedAccess const&) = default;
};

/// An access in a line such as
/// `[CPU0 RD]: PHY 0x000000102000 (len=8, UC): 0x00000000 0x00103023 ; EPT PML4E`; nothing for all
/// other lines, those of ordinary data among them.
std::optional<TracedAccess> parse_traced_access(std::string_view line);

/// What was read between two stops of the guest.
struct TraceWindow {
    /// Reads of entries, in their order: the references of the walk.
    std::vector<TracedAccess> references;
    /// Write-backs of accessed and dirty bits.
    std::vector<TracedAccess> write_backs;
};

/// Collects the windows of a whole run out of what Bochs prints.
class TraceReader {
  public:
    /// Takes one line. Throws Failure when a window does not end.
    void add_line(std::string_view line);
    /// Those that were closed: the end of the machine stops Bochs as well, and opens one more.
    [[nodiscard]] std::vector<TraceWindow> const& windows() const { return windows_; }

  private:
    std::vector<TraceWindow> windows_;
    std::optional<TraceWindow> open_;
};

} // namespace twofold::vmm
