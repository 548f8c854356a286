// The guest's own page tables, live. Guest memory is mapped to itself, so tables are read and
// written where they stand.
#pragma once

#include <twofold/paging/map.hpp>
#include <twofold/paging/walk.hpp>

#include <cstdint>
#include <expected>
#include <optional>

namespace twofold::guest {

using Paging = X86Format<Gva, Gpa, 4>;

/// Regions beside the memory that is mapped to itself start above all that a guest can have, each
/// at a multiple of the largest page. The first is the stack's.
inline constexpr Gva stack_region{std::uint64_t{1} << 46};

/// Memory as walker and editor want it.
class IdentityMemory {
  public:
    using Error = NoMemoryError;

    template <class Word>
    std::expected<Word, Error> read(Gpa address) {
        return *reinterpret_cast<Word const volatile*>(address.value());
    }
    template <class Word>
    std::expected<void, Error> write(Gpa address, Word word) {
        *reinterpret_cast<Word volatile*>(address.value()) = word;
        return {};
    }
};

using LiveWalk = std::expected<Translation<Gpa>, WalkFault<NoMemoryError>>;

/// What this processor's paging can do.
Paging paging_format();
/// The address of the top table.
Gpa live_root();
bool has_pages_1g();

/// Walks the live tables as the processor would.
template <class Observer>
LiveWalk walk_live(Gva gva, Observer&& observe) {
    IdentityMemory memory;
    return walk(paging_format(), live_root(), gva, memory, observe);
}

/// Maps `bytes` from `gpa` on by pages of `size`, at an address that nothing else uses: below it
/// and above it nothing is mapped. `gpa` must be a multiple of the page size.
std::expected<Gva, MapError> map_region(Gpa gpa, std::uint64_t bytes, PageSize size,
                                        Permissions permissions = read_write);

/// Takes the page of `gva` out of the live tables. What it led to stays in use.
std::expected<void, MapError> unmap_page(Gva gva);

} // namespace twofold::guest
