// A guest's physical memory as this process has it: what KVM's slot 0 maps from gpa 0 on.
#pragma once

#include "kvm/mapping.hpp"
#include "kvm/page_marks.hpp"
#include "system/file_descriptor.hpp"

#include <twofold/arch/address.hpp>
#include <twofold/arch/bits.hpp>
#include <twofold/arch/page_size.hpp>

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

namespace twofold::vmm::kvm {

/// The access went beyond the guest's memory.
struct OutsideRam {};

/// What Linux says of this process's pages. Made before a thread is confined, it serves that one
/// as well; a child that was forked needs its own.
class PageMap {
  public:
    PageMap() { open(); }
    /// One that says nothing until it is opened.
    static PageMap closed() { return PageMap{FileDescriptor{}}; }
    void open();
    /// An entry of "pagemap" of Linux's admin guide for each 4 KiB page; empty where there is none.
    [[nodiscard]] std::vector<std::uint64_t> entries(std::span<std::byte const> memory) const;

    static constexpr bool is_present(std::uint64_t entry) { return (entry & bit(63)) != 0; }
    /// Present, or swapped out by the kernel.
    static constexpr bool has_contents(std::uint64_t entry) {
        return (entry & (bit(63) | bit(62))) != 0;
    }
    /// Present in a file, or shared.
    static constexpr bool is_of_file(std::uint64_t entry) { return (entry & bit(61)) != 0; }

  private:
    explicit PageMap(FileDescriptor file) : file_(std::move(file)) {}

    FileDescriptor file_;
};

/// What the kernel keeps a guest's memory in.
enum class HostMemory : std::uint8_t {
    /// Pages of 4K of this process.
    anonymous,
    /// A file without a name, of pages of 4K.
    memfd,
    /// Transparent huge pages of 2M, where the kernel finds them.
    thp,
    /// Huge pages of 2M or 1G out of the kernel's reserve.
    hugetlbfs,
};

/// The kind that goes with a size of pages when nothing is said of it.
constexpr HostMemory host_memory_for(PageSize page) {
    if (page == page_4k) return HostMemory::anonymous;
    return page == page_2m ? HostMemory::thp : HostMemory::hugetlbfs;
}

/// Satisfies the loader's GuestMemory.
class GuestRam {
  public:
    /// Memory of zeros. `bytes`: a multiple of `page`, which is what the kernel is asked to map it
    /// by, and which the kind must have. Throws Failure.
    static GuestRam zeroed(std::uint64_t bytes, PageSize page, HostMemory kind);
    static GuestRam zeroed(std::uint64_t bytes, PageSize page) {
        return zeroed(bytes, page, host_memory_for(page));
    }
    /// A private view of `bytes` of a file from `offset`, a multiple of 4096, on; copied page by
    /// page where it is written to.
    static GuestRam copy_of(FileDescriptor const& file, std::uint64_t bytes,
                            std::uint64_t offset = 0);
    /// The file itself.
    static GuestRam shared(FileDescriptor const& file, std::uint64_t bytes);
    /// Loses what it holds, and is a private view of the file from here on, in the same place. For
    /// memory of 4 KiB pages. Throws Failure.
    void become_copy_of(FileDescriptor const& file, std::uint64_t offset = 0);

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
    [[nodiscard]] PageSize page() const { return page_; }
    /// Its pages are of 4 KiB and in no file of their own: each can be made another's copy, and all
    /// can move.
    [[nodiscard]] bool can_share_pages() const { return page_ == page_4k && !in_file_of_its_own_; }
    /// Its pages are this process's own, and always were.
    [[nodiscard]] bool is_plain() const { return can_share_pages() && file_ < 0 && !patched_; }

    std::expected<void, OutsideRam> write(Gpa gpa, std::span<std::byte const> from);
    std::expected<void, OutsideRam> read(Gpa gpa, std::span<std::byte> to) const;
    std::expected<void, OutsideRam> zero(Gpa gpa, std::uint64_t bytes);

    /// From here on write() and zero() mark each page that they write to; nullptr: no more.
    void note_writes(PageMarks* marks) { writes_ = marks; }

    /// Gives every page its frame now. Throws Failure when memory is short.
    void populate();
    /// Gives all frames back: the memory is as it was at first, or as the file is that it is a
    /// view of.
    void discard();
    /// Gives the frames of `pages` 4 KiB pages from `first` on back: they read as zeros. How many
    /// of them held something, or nothing when they don't all lie in the memory.
    std::optional<std::uint64_t> release(Gpa first, std::uint64_t pages);
    /// Of each of these 4 KiB pages, which lie in the memory, whether it has a frame.
    [[nodiscard]] std::vector<bool> resident(Gpa first, std::uint64_t pages) const;
    /// Makes a 4 KiB page a private view of one of a file, which is copied where it is written to.
    /// False when the kernel has no more room for mappings.
    bool map_page(std::uint64_t number, FileDescriptor const& file, std::uint64_t offset);
    /// 4 KiB pages that have a frame.
    [[nodiscard]] std::uint64_t resident_pages() const;
    /// 4 KiB pages that belong to this process alone, of a copy_of().
    [[nodiscard]] std::uint64_t private_pages(PageMap const& map = {}) const;
    /// 4 KiB pages of the file that a copy_of() shares with others and has touched.
    [[nodiscard]] std::uint64_t shared_pages(PageMap const& map = {}) const;
    /// The numbers of the 4 KiB pages that were touched through this mapping, in ascending order.
    [[nodiscard]] std::vector<std::uint64_t> touched_pages() const;

  private:
    static std::uint64_t resident_pages(std::span<std::byte> part);
    void note(Gpa gpa, std::uint64_t bytes);
    /// The advice by which frames go back to the kernel.
    [[nodiscard]] int giving_back() const;

    GuestRam(Mapping mapping, std::span<std::byte> bytes, PageSize page)
        : mapping_(std::move(mapping)), bytes_(bytes), page_(page) {}
    [[nodiscard]] bool holds(Gpa gpa, std::uint64_t bytes) const {
        return gpa.value() <= bytes_.size() && bytes <= bytes_.size() - gpa.value();
    }

    Mapping mapping_;
    std::span<std::byte> bytes_;
    PageSize page_;
    /// The file that this is a view of, from `offset_` on; -1: none.
    int file_ = -1;
    std::uint64_t offset_ = 0;
    /// Frames go back to the kernel by another call than those of this process alone.
    bool in_file_of_its_own_ = false;
    /// Some of the view was given back, and is not the file's any more.
    bool released_ = false;
    /// Some pages are views of other files, or were.
    bool patched_ = false;
    PageMarks* writes_ = nullptr;
};

} // namespace twofold::vmm::kvm
