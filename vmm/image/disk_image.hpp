// The bootable disk: the hypervisor's image with a bundle behind it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace twofold::vmm {

/// Disks are whole cylinders of 16 heads and 63 sectors, since emulators that are given no geometry
/// cut off what does not fill one.
inline constexpr std::uint64_t cylinder_bytes = 16 * 63 * 512;

/// Appends `bundle` to the bare hypervisor image and tells its header. Throws Failure when
/// `hypervisor` is not a hypervisor image, naming `path`, the offset and the field.
std::vector<std::byte> make_disk_image(std::span<std::byte const> hypervisor,
                                       std::filesystem::path const& path,
                                       std::span<std::byte const> bundle);

} // namespace twofold::vmm
