#include "kvm/access_watch.hpp"

#include "system/failure.hpp"

#include <algorithm>
#include <cerrno>

namespace twofold::vmm::kvm {

namespace {

/// Calls `action(first, count)` for each run of pages that are told by `wanted(page)`.
template <class Wanted, class Action>
void for_each_run(std::uint64_t pages, Wanted&& wanted, Action&& action) {
    for (std::uint64_t page = 0; page < pages; ++page) {
        std::uint64_t const first = page;
        while (page < pages && wanted(page))
            ++page;
        if (page != first) action(first, page - first);
    }
}

} // namespace

AccessWatch::AccessWatch(GuestRam& ram)
    : ram_(ram), stage_(Mapping::make(ram.bytes().size(), PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                                      "can't map room for the pages that a guest leaves alone")) {}

AccessWatch::~AccessWatch() {
    if (!faults_) return;
    faults_.reset();
    auto const here = present(ram_.bytes());
    auto const there = present(stage_.span());
    // What can't be moved back is lost to the guest: that ends this process.
    for_each_run(
        here.size(), [&](std::uint64_t page) { return there[page] && !here[page]; },
        [&](std::uint64_t first, std::uint64_t count) {
            move(first, count, stage_.span(), ram_.bytes());
        });
}

std::vector<bool> AccessWatch::present(std::span<std::byte const> memory) const {
    auto const entries = map_.entries(memory);
    if (entries.empty()) throw Failure{"/proc/self/pagemap can't be read"};
    std::vector<bool> present;
    present.reserve(entries.size());
    for (std::uint64_t const entry : entries)
        present.push_back(PageMap::has_contents(entry));
    return present;
}

void AccessWatch::move(std::uint64_t page, std::uint64_t pages, std::span<std::byte> from,
                       std::span<std::byte> to) {
    std::size_t const at = page * page_4k.bytes();
    std::size_t const bytes = pages * page_4k.bytes();
    if (mremap(from.data() + at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
               to.data() + at) == MAP_FAILED)
        throw SystemFailure{"can't move pages of the guest", errno};
}

std::expected<std::uint64_t, std::string> AccessWatch::look() {
    auto userfault = FaultHandler::open_userfault();
    if (!userfault) return std::unexpected(userfault.error());
    faults_.reset();
    auto const accessed = present(ram_.bytes());
    for_each_run(
        accessed.size(), [&](std::uint64_t page) { return accessed[page]; },
        [&](std::uint64_t first, std::uint64_t count) {
            move(first, count, ram_.bytes(), stage_.span());
        });
    faults_ = std::make_unique<FaultHandler>(std::move(*userfault), ram_.bytes(),
                                             PageSource{.contents = stage_.span()});
    return static_cast<std::uint64_t>(std::ranges::count(accessed, true));
}

std::uint64_t AccessWatch::away() const {
    if (!faults_) return 0;
    auto const here = present(ram_.bytes());
    auto const there = present(stage_.span());
    std::uint64_t pages = 0;
    for (std::size_t page = 0; page < here.size(); ++page)
        pages += there[page] && !here[page] ? 1 : 0;
    return pages;
}

} // namespace twofold::vmm::kvm
