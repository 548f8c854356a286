#include "kvm/page_merger.hpp"

#include "system/failure.hpp"

#include <twofold/memory/page_contents.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace twofold::vmm::kvm {

namespace {

/// The contents of one page as the core's digest reads them.
struct PageWords {
    std::span<std::byte const> bytes;
    template <class Word>
    std::optional<Word> read(Hpa at) const {
        Word word;
        std::memcpy(&word, bytes.data() + at.value(), sizeof word);
        return word;
    }
};

std::span<std::byte> page_of(GuestRam const& ram, std::uint64_t number) {
    return ram.bytes().subspan(number * page_4k.bytes(), page_4k.bytes());
}

} // namespace

/// A page that the guest has written to is this process's own, and stays so.
bool PageMerger::still_uses(Page page) const {
    auto const entries = map_.entries(page_of(*page.ram, page.number));
    if (entries.empty()) throw Failure{"/proc/self/pagemap can't be read"};
    return !PageMap::has_contents(entries.front()) || PageMap::is_of_file(entries.front());
}

PageMerger::PlaceNumber const* PageMerger::find(std::span<std::byte const> contents,
                                                std::uint64_t hash) {
    std::array<std::byte, page_4k.bytes()> kept;
    auto const [begin, end] = by_hash_.equal_range(hash);
    for (auto at = begin; at != end; ++at) {
        auto const offset = static_cast<off_t>(at->second * page_4k.bytes());
        if (pread(file_.get(), kept.data(), kept.size(), offset) == ssize_t{page_4k.bytes()} &&
            std::ranges::equal(kept, contents))
            return &at->second;
    }
    return nullptr;
}

PageMerger::PlaceNumber PageMerger::keep(std::span<std::byte const> contents, std::uint64_t hash,
                                         bool zeros) {
    if (!file_.open()) file_ = FileDescriptor{memfd_create("merged pages", MFD_CLOEXEC)};
    PlaceNumber const number = free_.empty() ? file_pages_++ : free_.back();
    if (!free_.empty()) free_.pop_back();
    if (!file_.open() || pwrite(file_.get(), contents.data(), contents.size(),
                                static_cast<off_t>(number * page_4k.bytes())) !=
                             static_cast<ssize_t>(contents.size())) {
        free_.push_back(number);
        throw SystemFailure{"can't keep a page that guests share", errno};
    }
    places_.emplace(number, Place{hash, zeros, {}});
    by_hash_.emplace(hash, number);
    return number;
}

void PageMerger::leave(std::map<Page, PlaceNumber>::iterator at) {
    auto const [page, number] = *at;
    pages_.erase(at);
    auto const place = places_.find(number);
    std::erase(place->second.users, page);
    if (!place->second.users.empty()) return;
    auto const [begin, end] = by_hash_.equal_range(place->second.hash);
    by_hash_.erase(std::find_if(begin, end, [&](auto const& one) { return one.second == number; }));
    places_.erase(place);
    left_.push_back(number);
}

void PageMerger::give_frames_back() {
    for (PlaceNumber const number : left_) {
        (void)fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        static_cast<off_t>(number * page_4k.bytes()), page_4k.bytes());
        free_.push_back(number);
    }
    left_.clear();
}

void PageMerger::offer_one(GuestRam& ram, std::uint64_t number, OfferResult& result) {
    Page const page{&ram, number};
    if (auto const known = pages_.find(page); known != pages_.end()) {
        if (still_uses(page)) return;
        leave(known);
    }
    auto const contents = page_of(ram, number);
    PageWords words{contents};
    auto const digest = digest_of(words, Hpa{});
    ++result.hashed;
    auto const* const found = find(contents, digest.hash);
    PlaceNumber const place =
        found != nullptr ? *found : keep(contents, digest.hash, digest.all_zero);
    places_.at(place).users.push_back(page);
    auto const entered = pages_.emplace(page, place).first;
    if (!ram.map_page(number, file_, place * page_4k.bytes())) {
        // The kernel has only so many mappings for a process: the page stays what it is.
        leave(entered);
        return;
    }
    if (digest.all_zero) {
        ++result.zeroed;
    } else if (found != nullptr) {
        ++result.merged;
    }
}

OfferResult PageMerger::offer(GuestRam& ram, std::uint64_t first, std::uint64_t pages) {
    std::lock_guard const lock{mutex_};
    auto const part = ram.bytes().subspan(first * page_4k.bytes(), pages * page_4k.bytes());
    auto const entries = map_.entries(part);
    OfferResult result;
    for (std::uint64_t n = 0; n < entries.size(); ++n)
        if (PageMap::has_contents(entries[n])) offer_one(ram, first + n, result);
    give_frames_back();
    return result;
}

std::uint64_t PageMerger::shared(GuestRam const& ram, std::uint64_t first, std::uint64_t pages) {
    std::lock_guard const lock{mutex_};
    auto const has_another = [this](Place const& place, Page page) {
        return place.zeros || std::ranges::any_of(place.users, [&](Page other) {
                   return other != page && still_uses(other);
               });
    };
    auto const [begin, end] = range(ram, first, pages);
    return static_cast<std::uint64_t>(std::count_if(begin, end, [&](auto const& one) {
        return still_uses(one.first) && has_another(places_.at(one.second), one.first);
    }));
}

void PageMerger::part(GuestRam& ram) {
    std::uint64_t const pages = ram.bytes().size() / page_4k.bytes();
    {
        std::lock_guard const lock{mutex_};
        auto const [begin, end] = range(ram, 0, pages);
        for (auto at = begin; at != end; ++at) {
            auto* const bytes = page_of(ram, at->first.number).data();
            auto* const first = reinterpret_cast<std::uint8_t volatile*>(bytes);
            *first = *first;
        }
    }
    forget(ram, 0, pages);
}

void PageMerger::forget(GuestRam const& ram, std::uint64_t first, std::uint64_t pages) {
    std::lock_guard const lock{mutex_};
    for (auto [at, end] = range(ram, first, pages); at != end;)
        leave(at++);
}

} // namespace twofold::vmm::kvm
