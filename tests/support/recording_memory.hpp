// Host memory for tests: sparse, records every store to a page-table word, and can look back in
// time.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/paging/memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace twofold::test {

/// A store of one word.
struct Store {
    std::uint64_t address;
    std::uint64_t before;
    std::uint64_t after;
};

/// What all copies of one RecordingMemory share.
struct MemoryContents {
    using Page = std::vector<std::byte>;
    std::unordered_map<std::uint64_t, Page> pages;
    /// First and last address of what was zeroed as a whole; pages that are in `pages` count first.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> zeroed;
    std::vector<Store> stores;
    std::uint64_t reads = 0;
    /// Fails the read or write after this many more of them, when set.
    std::optional<std::uint64_t> accesses_until_failure;

    std::byte* at(std::uint64_t address) {
        Page& page = pages[address >> 12];
        if (page.empty()) page.resize(4096, was_zeroed(address) ? std::byte{0} : std::byte{0xcc});
        return page.data() + (address & 4095);
    }
    /// Without being zeroed, memory is never found zero.
    [[nodiscard]] bool was_zeroed(std::uint64_t address) const {
        return std::ranges::any_of(zeroed, [&](auto const& range) {
            return range.first <= address && address <= range.second;
        });
    }
    /// Whole huge pages at once: 1 GiB must not cost a test 1 GiB.
    void zero_without_pages(std::uint64_t from, std::uint64_t bytes) {
        std::erase_if(pages,
                      [&](auto const& page) { return page.first - (from >> 12) < bytes >> 12; });
        zeroed.emplace_back(from, from + bytes - 1);
    }
    bool fails() {
        if (!accesses_until_failure) return false;
        if (*accesses_until_failure == 0) return true;
        --*accesses_until_failure;
        return false;
    }
};

struct AccessFailed {
    friend bool operator==(AccessFailed, AccessFailed) = default;
};

/// A handle: copies see the same memory, as copies of a pointer would. Works for any kind of
/// address.
class RecordingMemory {
  public:
    using Error = AccessFailed;

    template <class Word, class AnyAddress>
    std::expected<Word, Error> read(AnyAddress address) {
        if (contents_->fails()) return std::unexpected(Error{});
        ++contents_->reads;
        return get<Word>(address.value());
    }
    template <class Word, class AnyAddress>
    std::expected<void, Error> write(AnyAddress address, Word word) {
        if (contents_->fails()) return std::unexpected(Error{});
        contents_->stores.push_back({address.value(), get<Word>(address.value()), word});
        put(address.value(), word);
        return {};
    }

    void zero(Hpa from, std::uint64_t bytes) {
        constexpr std::uint64_t huge = 1 << 20;
        if (bytes >= huge && from.is_aligned(4096) && bytes % 4096 == 0)
            return contents_->zero_without_pages(from.value(), bytes);
        for (std::uint64_t done = 0; done < bytes;) {
            std::uint64_t const length =
                std::min(bytes - done, 4096 - (from + done).offset_in(4096));
            std::memset(contents_->at((from + done).value()), 0, length);
            done += length;
        }
    }
    void copy(Hpa from, Hpa to, std::uint64_t bytes) {
        for (std::uint64_t done = 0; done < bytes;) {
            std::uint64_t const length =
                std::min({bytes - done, in_page(from + done), in_page(to + done)});
            // Bringing one page in does not move the other.
            std::byte const* const source = contents_->at((from + done).value());
            std::memcpy(contents_->at((to + done).value()), source, length);
            done += length;
        }
    }
    void copy_in(Hpa to, std::span<std::byte const> bytes) {
        for (std::size_t done = 0; done < bytes.size();) {
            std::size_t const length = std::min(bytes.size() - done, in_page(to + done));
            std::memcpy(contents_->at((to + done).value()), bytes.data() + done, length);
            done += length;
        }
    }
    void copy_out(Hpa from, std::span<std::byte> bytes) {
        for (std::size_t done = 0; done < bytes.size();) {
            std::size_t const length = std::min(bytes.size() - done, in_page(from + done));
            std::memcpy(bytes.data() + done, contents_->at((from + done).value()), length);
            done += length;
        }
    }

    /// Unrecorded access, for setting a scene and for looking at one.
    template <class Word>
    [[nodiscard]] Word get(std::uint64_t address) const {
        Word word;
        std::memcpy(&word, contents_->at(address), sizeof word);
        return word;
    }
    template <class Word>
    void put(std::uint64_t address, Word word) {
        std::memcpy(contents_->at(address), &word, sizeof word);
    }

    [[nodiscard]] std::vector<Store> const& stores() const { return contents_->stores; }
    void forget_stores() { contents_->stores.clear(); }
    [[nodiscard]] std::uint64_t reads() const { return contents_->reads; }
    void fail_after(std::optional<std::uint64_t> accesses) {
        contents_->accesses_until_failure = accesses;
    }

    /// Puts memory back to what it was before the stores from number `count` on.
    void rewind_to(std::size_t count) {
        for (std::size_t i = contents_->stores.size(); i > count; --i) {
            put(contents_->stores[i - 1].address, contents_->stores[i - 1].before);
        }
    }
    /// The opposite of rewind_to(`count`).
    void replay_from(std::size_t count) {
        for (std::size_t i = count; i < contents_->stores.size(); ++i) {
            put(contents_->stores[i].address, contents_->stores[i].after);
        }
    }

  private:
    static std::uint64_t in_page(Hpa hpa) { return 4096 - hpa.offset_in(4096); }

    std::shared_ptr<MemoryContents> contents_ = std::make_shared<MemoryContents>();
};

} // namespace twofold::test
