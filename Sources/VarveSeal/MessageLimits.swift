// SPDX-License-Identifier: Apache-2.0

/// Bounds that are checked before anything of the size they bound is allocated.
package enum MessageLimits {
    /// An encryption context holds a handful of identifiers (AWS KMS itself takes at most 8 KiB); more means hostile
    /// input.
    package static let contextBytesMax = 8 * 1024
    /// A message has two or three recipients: a working key, an escrow key, the same again while keys are exchanged.
    package static let dataKeysMax = 16
    /// A reader holds one frame in memory. Every official SDK reads frames of this size; Varve writes ``frameBytes``.
    package static let frameBytesMax = 64 * 1024 * 1024
    /// The plaintext of a regular frame unless the caller says otherwise: what the official SDKs open fastest.
    package static let frameBytes = 64 * 1024
}
