// A guest's physical memory as this process has it: what KVM's slot 0 maps from gpa 0 on.
#pragma once

#include "kvm/mapping.hpp"
#include "system/file_descriptor.hpp"

#include <twofold/arch/address.hpp>
#include <twofold/arch/page_size.hpp>

#include <cstdint>
#include <expected>
#include <span>
#include <vector>

namespace twofold::vmm::kvm {

/// The access went beyond the guest's memory.
struct OutsideRam {};

/// Satisfies the loader's GuestMemory.
class GuestRam {
  public:
    /// Memory of zeros. `bytes`: a multiple of `page`, which is what the kernel is asked to map it
    /// by: 4K, 2M (transparent huge pages, where it finds them) or 1G (from its reserve). Throws
    /// Failure.
    static GuestRam zeroed(std::uint64_t bytes, PageSize page);
    /// A private view of `bytes` of a file from `offset`, a multiple of 4096, on; copied page by
    /// page where it is written to.
    static GuestRam copy_of(FileDescriptor const& file, std::uint64_t bytes,
                            std::uint64_t offset = 0);
    /// The file itself, for making a template.
    static GuestRam shared(FileDescriptor const& file, std::uint64_t bytes);

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
    [[nodiscard]] PageSize page() const { return page_; }

    std::expected<void, OutsideRam> write(Gpa gpa, std::span<std::byte const> from);
    std::expected<void, OutsideRam> read(Gpa gpa, std::span<std::byte> to) const;
    std::expected<void, OutsideRam> zero(Gpa gpa, std::uint64_t bytes);

    /// Gives every page its frame now. Throws Failure when memory is short.
    void populate();
    /// Gives all frames back: the memory is as it was at first.
    void discard();
    /// 4 KiB pages that have a frame.
    [[nodiscard]] std::uint64_t resident_pages() const;
    /// 4 KiB pages that belong to this process alone, of a copy_of().
    [[nodiscard]] std::uint64_t private_pages() const;
    /// The numbers of the 4 KiB pages that were touched through this mapping.
    [[nodiscard]] std::vector<std::uint64_t> touched_pages() const;

  private:
    /// What Linux's pagemap says of each 4 KiB page.
    [[nodiscard]] std::vector<std::uint64_t> page_map() const;

    GuestRam(Mapping mapping, std::span<std::byte> bytes, PageSize page)
        : mapping_(std::move(mapping)), bytes_(bytes), page_(page) {}
    [[nodiscard]] bool holds(Gpa gpa, std::uint64_t bytes) const {
        return gpa.value() <= bytes_.size() && bytes <= bytes_.size() - gpa.value();
    }

    Mapping mapping_;
    std::span<std::byte> bytes_;
    PageSize page_;
};

} // namespace twofold::vmm::kvm
