// The hypervisor's own accesses to a running guest's memory by guest-virtual address.
#pragma once

#include "hv/vm/guest.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

namespace twofold::hv {

/// Why an access did not happen.
struct AccessFault {
    enum class Kind : std::uint8_t {
        /// The guest's own tables do not allow it: the guest is due a #PF.
        page_fault,
        /// The address is not canonical: the guest is due a #GP.
        general_protection,
        /// The second dimension has no page there: `error` says why.
        no_page,
    };
    Kind kind;
    Gva gva;
    /// page_fault: the error code.
    std::uint32_t error_code = 0;
    Gpa gpa{};
    SpaceError error{};
};

/// Where `gva` lies, with its page brought in, for an access with the running guest's rights.
std::expected<Hpa, AccessFault> reach(Guest& guest, Gva gva, Access access);

/// `reach` for accesses one after the other, of which most lie in the page of the one before: a
/// page is walked to once, not once a byte. The last page only, since reaching another may reclaim
/// it; and for one exit only, since nothing here learns what the guest or a hypercall changes.
class PageReach {
  public:
    PageReach(Guest& guest, Access access) : guest_{&guest}, access_{access} {}

    /// Where the byte at `gva` lies, as `reach` says it.
    std::expected<Hpa, AccessFault> operator()(Gva gva);

  private:
    struct Page {
        Gva gva;
        Hpa hpa;
    };

    Guest* guest_;
    Access access_;
    std::optional<Page> last_;
};

/// Copies out of the guest. `bytes` is filled completely, or the fault says why not.
std::expected<void, AccessFault> read_guest(Guest& guest, Gva gva, std::span<std::byte> bytes);

/// Gives the guest its exception, or ends it. Returns whether it resumes.
bool answer_fault(Guest& guest, AccessFault const& fault);

} // namespace twofold::hv
