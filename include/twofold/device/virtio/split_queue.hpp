// A split virtqueue as its device sees it ("Virtual I/O Device (VIRTIO) Version 1.2", "Split
// Virtqueues"). All of it lies in the guest's memory, and nothing there is trusted.
#pragma once

#include <twofold/arch/address.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>

namespace twofold::virtio {

enum class QueueError : std::uint8_t {
    /// The queue, or memory that a descriptor names, does not lie in the guest's memory.
    outside_memory,
    /// A descriptor's number is not below the queue's size.
    bad_descriptor,
    /// A chain has more descriptors than the queue: it is a loop.
    endless_chain,
    /// Memory to read behind memory to write, or an indirect table, which was not offered.
    bad_flags,
    /// More buffers were made available than the queue can hold.
    bad_index,
    /// A request without what its kind must have.
    malformed_request,
};

inline constexpr std::uint16_t largest_queue = 256;

/// Memory that a descriptor names.
struct Part {
    Gpa gpa;
    std::uint32_t bytes;
};

/// A buffer: what the device reads, then what it writes.
class Chain {
  public:
    std::uint16_t head = 0;

    [[nodiscard]] std::span<Part const> readable() const {
        return std::span{parts_}.first(readable_);
    }
    [[nodiscard]] std::span<Part const> writable() const {
        return std::span{parts_}.subspan(readable_, count_ - readable_);
    }
    /// False where the chain is as long as the largest queue already.
    bool add(Part part, bool write) {
        if (count_ == parts_.size()) return false;
        parts_[count_++] = part;
        if (!write) ++readable_;
        return true;
    }
    [[nodiscard]] bool has_writable() const { return count_ > readable_; }

  private:
    std::array<Part, largest_queue> parts_{};
    std::uint16_t count_ = 0;
    std::uint16_t readable_ = 0;
};

class SplitQueue {
  public:
    /// A power of two up to largest_queue; 0: not set up.
    std::uint16_t size = 0;
    bool ready = false;
    Gpa descriptors{};
    Gpa available{};
    Gpa used{};

    /// The next buffer that the driver made available; nothing when there is none. `memory`:
    /// `read(Gpa, span)` and `write(Gpa, span)`, which fail for what lies outside.
    template <class Memory>
    std::expected<std::optional<Chain>, QueueError> take(Memory& memory) {
        auto const index = get<std::uint16_t>(memory, available + 2);
        if (!index) return std::unexpected(index.error());
        if (*index == next_available_) return std::nullopt;
        if (static_cast<std::uint16_t>(*index - next_available_) > size)
            return std::unexpected(QueueError::bad_index);
        // Another processor wrote the buffer before the index.
        std::atomic_thread_fence(std::memory_order_acquire);
        auto const head =
            get<std::uint16_t>(memory, available + 4 + std::uint64_t{2} * (next_available_ % size));
        if (!head) return std::unexpected(head.error());
        auto chain = follow(memory, *head);
        if (!chain) return std::unexpected(chain.error());
        ++next_available_;
        return *chain;
    }

    /// Gives a buffer back, `written` bytes of which the device has written.
    template <class Memory>
    std::expected<void, QueueError> give_back(Memory& memory, std::uint16_t head,
                                              std::uint32_t written) {
        Gpa const element = used + 4 + std::uint64_t{8} * (next_used_ % size);
        if (auto const done = put(memory, element, std::uint32_t{head}); !done) return done;
        if (auto const done = put(memory, element + 4, written); !done) return done;
        ++next_used_;
        std::atomic_thread_fence(std::memory_order_release);
        return put(memory, used + 2, next_used_);
    }

    /// Whether the driver wants to be interrupted for buffers that come back.
    template <class Memory>
    [[nodiscard]] bool wants_interrupt(Memory& memory) const {
        constexpr std::uint16_t no_interrupt = 1;
        auto const flags = get<std::uint16_t>(memory, available);
        return !flags || (*flags & no_interrupt) == 0;
    }

  private:
    struct Descriptor {
        std::uint64_t gpa;
        std::uint32_t bytes;
        std::uint16_t flags;
        std::uint16_t next;
    };
    static_assert(sizeof(Descriptor) == 16);
    static constexpr std::uint16_t has_next = 1;
    static constexpr std::uint16_t device_writes = 2;
    static constexpr std::uint16_t indirect = 4;

    template <class T, class Memory>
    static std::expected<T, QueueError> get(Memory& memory, Gpa gpa) {
        T value{};
        if (!memory.read(gpa, std::as_writable_bytes(std::span{&value, 1})))
            return std::unexpected(QueueError::outside_memory);
        return value;
    }
    template <class T, class Memory>
    static std::expected<void, QueueError> put(Memory& memory, Gpa gpa, T value) {
        if (!memory.write(gpa, std::as_bytes(std::span{&value, 1})))
            return std::unexpected(QueueError::outside_memory);
        return {};
    }

    template <class Memory>
    std::expected<Chain, QueueError> follow(Memory& memory, std::uint16_t head) {
        Chain chain;
        chain.head = head;
        std::uint16_t at = head;
        for (unsigned length = 0; length < size; ++length) {
            if (at >= size) return std::unexpected(QueueError::bad_descriptor);
            auto const one = get<Descriptor>(memory, descriptors + std::uint64_t{16} * at);
            if (!one) return std::unexpected(one.error());
            bool const write = (one->flags & device_writes) != 0;
            if ((one->flags & indirect) != 0 || (!write && chain.has_writable()))
                return std::unexpected(QueueError::bad_flags);
            if (!chain.add({Gpa{one->gpa}, one->bytes}, write))
                return std::unexpected(QueueError::endless_chain);
            if ((one->flags & has_next) == 0) return chain;
            at = one->next;
        }
        return std::unexpected(QueueError::endless_chain);
    }

    std::uint16_t next_available_ = 0;
    std::uint16_t next_used_ = 0;
};

} // namespace twofold::virtio
