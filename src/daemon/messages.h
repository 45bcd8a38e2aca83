/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_MESSAGES_H
#define DAEMON_MESSAGES_H

/* MESSAGE_ID= of the journal entries: each has its explanation in systemd/mailmig.catalog.
 * An id is never given to another entry. */

#define MESSAGE_STARTED          "0235ff63e0e84bc6aeb77fb688db4dd7"
#define MESSAGE_STOPPING         "f6eea2899dd143ae801c42a120456677"
#define MESSAGE_CONFIG_REJECTED  "8144cb271d66429383f35a82dd59b06e"
#define MESSAGE_CONFIG_LOADED    "68db59e5fcb141cc9cef6bb0b12e6916"
#define MESSAGE_RUN_STARTED      "2782b8b189754090885eda1afcd0cc58"
#define MESSAGE_RUN_OK           "c7d95d85f8b34b15aefaa1e6fd7edb6c"
#define MESSAGE_RUN_PARTIAL      "13e919f3b2a84a7a81a933471ff1752e"
#define MESSAGE_RUN_FAILED       "78fb201d016a46348fed55da39742e0a"
#define MESSAGE_RUN_THROTTLED    "5ac5be25a2d645d6a3a1aef2ccf6a7b1"
#define MESSAGE_RUN_CANCELLED    "69cf9e17840b4f07be4de787c016aae3"
#define MESSAGE_RUN_INTERRUPTED  "2235d34f4fd74438aa48b8fb1d70d6bb"
#define MESSAGE_RUN_STOPPED      "000f2a697c5941b894b51c3d1fe7c298"
#define MESSAGE_RUN_TAKEN_UP     "185c94a7e53f40a1825823a677111dcd"
#define MESSAGE_PAUSED           "9ffbcff1384e4a0681b8d1cbf6317fd2"
#define MESSAGE_RESUMED          "dc9813adfa624ea58b05da5864829550"
#define MESSAGE_NOTIFIED         "df611d13a0c54f8d843d84b5a55b0e7d"
#define MESSAGE_NOTIFY_FAILED    "fe64ab919f0a41fc811ca64cc1cbf0ec"
#define MESSAGE_NOT_COPIED       "0d1b8a691d26471da00a9fb162d7cd0d"
#define MESSAGE_HISTORY_BROKEN   "4d44a276e67a41f3b716fdf7a632414f"
#define MESSAGE_HISTORY_NOT_KEPT "976a0185d85f4ba48d30899a09eede26"

#endif
