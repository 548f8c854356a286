// Host memory that is not there but where somebody wrote: 64 GiB for a benchmark that counts.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/page_size.hpp>
#include <twofold/paging/memory.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <span>
#include <unordered_map>

namespace twofold::vmm {

/// Loads and stores of page-table words. Zeroing and copying of whole frames are not in it.
struct WordAccesses {
    std::uint64_t loads = 0;
    std::uint64_t stores = 0;
};

/// Sparse memory that counts. A frame exists from its first store on and reads as zeros before. A
/// handle: copies see the same memory, as copies of a pointer would.
class CountedMemory {
  public:
    using Error = NoMemoryError;

    template <class Word, class AnyAddress>
    std::expected<Word, Error> read(AnyAddress address) {
        ++contents_->counted.loads;
        Word word{};
        copy_out(Hpa{address.value()}, std::as_writable_bytes(std::span{&word, 1}));
        return word;
    }
    template <class Word, class AnyAddress>
    std::expected<void, Error> write(AnyAddress address, Word word) {
        ++contents_->counted.stores;
        copy_in(Hpa{address.value()}, std::as_bytes(std::span{&word, 1}));
        return {};
    }

    /// Whole frames. No frame comes into being by it.
    void zero(Hpa from, std::uint64_t bytes) {
        auto& frames = contents_->frames;
        if (frames.size() < bytes >> 12) {
            std::erase_if(frames, [&](auto const& frame) {
                return frame.first - number_of(from) < bytes >> 12;
            });
            return;
        }
        for (std::uint64_t done = 0; done < bytes; done += page_4k.bytes())
            frames.erase(number_of(from + done));
    }
    /// Whole frames.
    void copy(Hpa from, Hpa to, std::uint64_t bytes) {
        auto& frames = contents_->frames;
        for (std::uint64_t done = 0; done < bytes; done += page_4k.bytes()) {
            auto const source = frames.find(number_of(from + done));
            if (source == frames.end()) {
                frames.erase(number_of(to + done));
            } else {
                auto const contents = source->second;
                frames[number_of(to + done)] = contents;
            }
        }
    }
    void copy_in(Hpa to, std::span<std::byte const> bytes) {
        in_frames(to, bytes.size(), [&](Hpa at, std::size_t done, std::size_t length) {
            auto& frame = contents_->frames[number_of(at)];
            std::memcpy(frame.data() + at.offset_in(page_4k.bytes()), bytes.data() + done, length);
        });
    }
    void copy_out(Hpa from, std::span<std::byte> bytes) const {
        in_frames(from, bytes.size(), [&](Hpa at, std::size_t done, std::size_t length) {
            auto const frame = contents_->frames.find(number_of(at));
            if (frame == contents_->frames.end()) {
                std::memset(bytes.data() + done, 0, length);
            } else {
                std::memcpy(bytes.data() + done,
                            frame->second.data() + at.offset_in(page_4k.bytes()), length);
            }
        });
    }

    /// Since it was made.
    [[nodiscard]] WordAccesses counted() const { return contents_->counted; }

  private:
    struct Contents {
        std::unordered_map<std::uint64_t, std::array<std::byte, page_4k.bytes()>> frames;
        WordAccesses counted;
    };

    static std::uint64_t number_of(Hpa hpa) { return hpa.value() / page_4k.bytes(); }
    /// Calls with each part of a range that lies in one frame: address, offset in the range,
    /// length.
    template <class Visit>
    static void in_frames(Hpa begin, std::size_t bytes, Visit&& visit) {
        for (std::size_t done = 0; done < bytes;) {
            Hpa const at = begin + done;
            std::size_t const length =
                std::min(bytes - done, page_4k.bytes() - at.offset_in(page_4k.bytes()));
            visit(at, done, length);
            done += length;
        }
    }

    std::shared_ptr<Contents> contents_ = std::make_shared<Contents>();
};

} // namespace twofold::vmm
