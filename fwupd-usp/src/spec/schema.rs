//! The schemas usp-record-1-5.proto and usp-msg-1-5.proto of the Broadband Forum (TR-369 1.4, and 1.5 for fields
//! 14 and 15 of the Record), as tables, and the names of their field numbers.

use crate::wire::check::{Field, Kind, Times};

use Kind::{Bool, Bytes, Enum, Fixed32, Message, Text, Uint64};
use Times::{Many, One, Oneof};

macro_rules! schemas {
    ($($(#[$doc:meta])* $name:ident, $module:ident {
        $($number:literal $field:ident: $times:ident $kind:expr;)*
    })*) => {
        /// A message. Each of them has one oneof at most.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Schema {
            $($(#[$doc])* $name,)*
        }

        impl Schema {
            /// Its fields.
            pub const fn fields(self) -> &'static [Field] {
                match self {
                    $(Self::$name => &[$(Field($number, $kind, $times)),*],)*
                }
            }
        }

        $(
            $(#[$doc])*
            pub mod $module {
                $(
                    #[doc = concat!("Number of `", stringify!($field), "`.")]
                    pub const $field: u32 = $number;
                )*
            }
        )*
    };
}

/// An entry of a map from string to string.
const PAIR: Kind = Message(Schema::Entry);
/// The highest MsgType: DEREGISTER_RESP.
const MSG_TYPE: u8 = 22;

schemas! {
    /// usp_record.Record.
    Record, record {
        1 VERSION: One Text;
        2 TO_ID: One Text;
        3 FROM_ID: One Text;
        4 PAYLOAD_SECURITY: One Enum(1);
        5 MAC_SIGNATURE: One Bytes;
        6 SENDER_CERT: One Bytes;
        7 NO_SESSION_CONTEXT: Oneof Message(Schema::NoSession);
        8 SESSION_CONTEXT: Oneof Message(Schema::Session);
        9 WEBSOCKET_CONNECT: Oneof Message(Schema::Empty);
        10 MQTT_CONNECT: Oneof Message(Schema::Mqtt);
        11 STOMP_CONNECT: Oneof Message(Schema::Stomp);
        12 DISCONNECT: Oneof Message(Schema::Disconnect);
        13 UDS_CONNECT: Oneof Message(Schema::Empty);
        14 ORIGINATOR_ID: One Text;
        15 DESTINATION_ID: One Text;
    }
    /// An entry of a map. Protocol Buffers Encoding, Maps.
    Entry, entry {
        1 KEY: One Text;
        2 VALUE: One Text;
    }
    /// A message without fields.
    Empty, empty {}
    /// usp_record.NoSessionContextRecord.
    NoSession, no_session {
        2 PAYLOAD: One Bytes;
    }
    /// usp_record.SessionContextRecord.
    Session, session {
        1 SESSION_ID: One Uint64;
        2 SEQUENCE_ID: One Uint64;
        3 EXPECTED_ID: One Uint64;
        4 RETRANSMIT_ID: One Uint64;
        5 PAYLOAD_SAR_STATE: One Enum(4);
        6 PAYLOADREC_SAR_STATE: One Enum(4);
        7 PAYLOAD: Many Bytes;
    }
    /// usp_record.MQTTConnectRecord.
    Mqtt, mqtt {
        1 VERSION: One Enum(1);
        2 SUBSCRIBED_TOPIC: One Text;
    }
    /// usp_record.STOMPConnectRecord.
    Stomp, stomp {
        1 VERSION: One Enum(0);
        2 SUBSCRIBED_DESTINATION: One Text;
    }
    /// usp_record.DisconnectRecord.
    Disconnect, disconnect {
        1 REASON: One Text;
        2 REASON_CODE: One Fixed32;
    }
    /// usp.Msg.
    Msg, msg {
        1 HEADER: One Message(Schema::Header);
        2 BODY: One Message(Schema::Body);
    }
    /// usp.Header.
    Header, header {
        1 MSG_ID: One Text;
        2 MSG_TYPE: One Enum(MSG_TYPE);
    }
    /// usp.Body.
    Body, body {
        1 REQUEST: Oneof Message(Schema::Request);
        2 RESPONSE: Oneof Message(Schema::Response);
        3 ERROR: Oneof Message(Schema::Error);
    }
    /// usp.Request. The members of usp.Response have the same numbers.
    Request, request {
        1 GET: Oneof Message(Schema::Get);
        2 GET_SUPPORTED_DM: Oneof Message(Schema::GetSupportedDm);
        3 GET_INSTANCES: Oneof Message(Schema::GetInstances);
        4 SET: Oneof Message(Schema::Set);
        5 ADD: Oneof Message(Schema::Add);
        6 DELETE: Oneof Message(Schema::Delete);
        7 OPERATE: Oneof Message(Schema::Operate);
        8 NOTIFY: Oneof Message(Schema::Notify);
        9 GET_SUPPORTED_PROTOCOL: Oneof Message(Schema::GetSupportedProtocol);
        10 REGISTER: Oneof Message(Schema::Empty);
        11 DEREGISTER: Oneof Message(Schema::Empty);
    }
    /// usp.Response.
    Response, response {
        1 GET: Oneof Message(Schema::GetResp);
        2 GET_SUPPORTED_DM: Oneof Message(Schema::Empty);
        3 GET_INSTANCES: Oneof Message(Schema::GetInstancesResp);
        4 SET: Oneof Message(Schema::SetResp);
        5 ADD: Oneof Message(Schema::AddResp);
        6 DELETE: Oneof Message(Schema::DeleteResp);
        7 OPERATE: Oneof Message(Schema::OperateResp);
        8 NOTIFY: Oneof Message(Schema::NotifyResp);
        9 GET_SUPPORTED_PROTOCOL: Oneof Message(Schema::GetSupportedProtocol);
        10 REGISTER: Oneof Message(Schema::Empty);
        11 DEREGISTER: Oneof Message(Schema::Empty);
    }
    /// usp.Error.
    Error, error {
        1 ERR_CODE: One Fixed32;
        2 ERR_MSG: One Text;
        3 PARAM_ERRS: Many Message(Schema::ParamError);
    }
    /// usp.Error.ParamError. ParameterError of the results of Set and Add has the same fields.
    ParamError, param_error {
        1 PARAM: One Text;
        2 ERR_CODE: One Fixed32;
        3 ERR_MSG: One Text;
    }
    /// usp.Get.
    Get, get {
        1 PARAM_PATHS: Many Text;
        2 MAX_DEPTH: One Fixed32;
    }
    /// usp.GetResp.
    GetResp, get_resp {
        1 REQ_PATH_RESULTS: Many Message(Schema::RequestedPathResult);
    }
    /// usp.GetResp.RequestedPathResult; GetInstancesResp has one of the same numbers.
    RequestedPathResult, path_result {
        1 REQUESTED_PATH: One Text;
        2 ERR_CODE: One Fixed32;
        3 ERR_MSG: One Text;
        4 RESULTS: Many Message(Schema::ResolvedPathResult);
    }
    /// usp.GetResp.ResolvedPathResult. GetInstancesResp.CurrInstance has the same fields: path and unique keys.
    ResolvedPathResult, resolved {
        1 PATH: One Text;
        2 PARAMS: Many PAIR;
    }
    /// usp.GetSupportedDM.
    GetSupportedDm, get_supported_dm {
        1 OBJ_PATHS: Many Text;
        2 FIRST_LEVEL_ONLY: One Bool;
        3 RETURN_COMMANDS: One Bool;
        4 RETURN_EVENTS: One Bool;
        5 RETURN_PARAMS: One Bool;
        6 RETURN_UNIQUE_KEY_SETS: One Bool;
    }
    /// usp.GetInstances.
    GetInstances, get_instances {
        1 OBJ_PATHS: Many Text;
        2 FIRST_LEVEL_ONLY: One Bool;
    }
    /// usp.GetInstancesResp.
    GetInstancesResp, get_instances_resp {
        1 REQ_PATH_RESULTS: Many Message(Schema::RequestedPathResult);
    }
    /// usp.Set.
    Set, set {
        1 ALLOW_PARTIAL: One Bool;
        2 UPDATE_OBJS: Many Message(Schema::Object);
    }
    /// usp.Add.
    Add, add {
        1 ALLOW_PARTIAL: One Bool;
        2 CREATE_OBJS: Many Message(Schema::Object);
    }
    /// usp.Set.UpdateObject, usp.Add.CreateObject.
    Object, object {
        1 OBJ_PATH: One Text;
        2 PARAM_SETTINGS: Many Message(Schema::ParamSetting);
    }
    /// usp.Set.UpdateParamSetting, usp.Add.CreateParamSetting.
    ParamSetting, setting {
        1 PARAM: One Text;
        2 VALUE: One Text;
        3 REQUIRED: One Bool;
    }
    /// usp.SetResp.
    SetResp, set_resp {
        1 UPDATED_OBJ_RESULTS: Many Message(Schema::SetResult);
    }
    /// usp.SetResp.UpdatedObjectResult.
    SetResult, result {
        1 REQUESTED_PATH: One Text;
        2 OPER_STATUS: One Message(Schema::SetStatus);
    }
    /// usp.SetResp.UpdatedObjectResult.OperationStatus; those of Add and Delete have the same numbers.
    SetStatus, oper_status {
        1 OPER_FAILURE: Oneof Message(Schema::SetFailure);
        2 OPER_SUCCESS: Oneof Message(Schema::SetSuccess);
    }
    /// OperationFailure of SetResp.
    SetFailure, failure {
        1 ERR_CODE: One Fixed32;
        2 ERR_MSG: One Text;
        3 UPDATED_INST_FAILURES: Many Message(Schema::InstanceFailure);
    }
    /// usp.SetResp.UpdatedInstanceFailure.
    InstanceFailure, instance_failure {
        1 AFFECTED_PATH: One Text;
        2 PARAM_ERRS: Many Message(Schema::ParamError);
    }
    /// OperationSuccess of SetResp.
    SetSuccess, set_success {
        1 UPDATED_INST_RESULTS: Many Message(Schema::InstanceResult);
    }
    /// usp.SetResp.UpdatedInstanceResult. OperationSuccess of AddResp has the same numbers: path, errors, keys.
    InstanceResult, instance_result {
        1 AFFECTED_PATH: One Text;
        2 PARAM_ERRS: Many Message(Schema::ParamError);
        3 UPDATED_PARAMS: Many PAIR;
    }
    /// usp.AddResp.
    AddResp, add_resp {
        1 CREATED_OBJ_RESULTS: Many Message(Schema::AddResult);
    }
    /// usp.AddResp.CreatedObjectResult.
    AddResult, add_result {
        1 REQUESTED_PATH: One Text;
        2 OPER_STATUS: One Message(Schema::AddStatus);
    }
    /// usp.AddResp.CreatedObjectResult.OperationStatus.
    AddStatus, add_status {
        1 OPER_FAILURE: Oneof Message(Schema::Error);
        2 OPER_SUCCESS: Oneof Message(Schema::InstanceResult);
    }
    /// usp.Delete.
    Delete, delete {
        1 ALLOW_PARTIAL: One Bool;
        2 OBJ_PATHS: Many Text;
    }
    /// usp.DeleteResp.
    DeleteResp, delete_resp {
        1 DELETED_OBJ_RESULTS: Many Message(Schema::DeleteResult);
    }
    /// usp.DeleteResp.DeletedObjectResult.
    DeleteResult, delete_result {
        1 REQUESTED_PATH: One Text;
        2 OPER_STATUS: One Message(Schema::DeleteStatus);
    }
    /// usp.DeleteResp.DeletedObjectResult.OperationStatus.
    DeleteStatus, delete_status {
        1 OPER_FAILURE: Oneof Message(Schema::Error);
        2 OPER_SUCCESS: Oneof Message(Schema::DeleteSuccess);
    }
    /// OperationSuccess of DeleteResp.
    DeleteSuccess, delete_success {
        1 AFFECTED_PATHS: Many Text;
        2 UNAFFECTED_PATH_ERRS: Many Message(Schema::ParamError);
    }
    /// usp.Operate.
    Operate, operate {
        1 COMMAND: One Text;
        2 COMMAND_KEY: One Text;
        3 SEND_RESP: One Bool;
        4 INPUT_ARGS: Many PAIR;
    }
    /// usp.OperateResp.
    OperateResp, operate_resp {
        1 OPERATION_RESULTS: Many Message(Schema::OperationResult);
    }
    /// usp.OperateResp.OperationResult.
    OperationResult, operation_result {
        1 EXECUTED_COMMAND: One Text;
        2 REQ_OBJ_PATH: Oneof Text;
        3 REQ_OUTPUT_ARGS: Oneof Message(Schema::OutputArgs);
        4 CMD_FAILURE: Oneof Message(Schema::Error);
    }
    /// OutputArgs of OperateResp and of Notify.OperationComplete.
    OutputArgs, output_args {
        1 OUTPUT_ARGS: Many PAIR;
    }
    /// usp.Notify.
    Notify, notify {
        1 SUBSCRIPTION_ID: One Text;
        2 SEND_RESP: One Bool;
        3 EVENT: Oneof Message(Schema::Event);
        4 VALUE_CHANGE: Oneof Message(Schema::ValueChange);
        5 OBJ_CREATION: Oneof Message(Schema::ObjCreation);
        6 OBJ_DELETION: Oneof Message(Schema::ObjDeletion);
        7 OPER_COMPLETE: Oneof Message(Schema::OperComplete);
        8 ON_BOARD_REQ: Oneof Message(Schema::Empty);
    }
    /// usp.Notify.Event.
    Event, event {
        1 OBJ_PATH: One Text;
        2 EVENT_NAME: One Text;
        3 PARAMS: Many PAIR;
    }
    /// usp.Notify.ValueChange.
    ValueChange, value_change {
        1 PARAM_PATH: One Text;
        2 PARAM_VALUE: One Text;
    }
    /// usp.Notify.ObjectCreation.
    ObjCreation, obj_creation {
        1 OBJ_PATH: One Text;
        2 UNIQUE_KEYS: Many PAIR;
    }
    /// usp.Notify.ObjectDeletion.
    ObjDeletion, obj_deletion {
        1 OBJ_PATH: One Text;
    }
    /// usp.Notify.OperationComplete.
    OperComplete, oper_complete {
        1 OBJ_PATH: One Text;
        2 COMMAND_NAME: One Text;
        3 COMMAND_KEY: One Text;
        4 REQ_OUTPUT_ARGS: Oneof Message(Schema::OutputArgs);
        5 CMD_FAILURE: Oneof Message(Schema::Error);
    }
    /// usp.NotifyResp.
    NotifyResp, notify_resp {
        1 SUBSCRIPTION_ID: One Text;
    }
    /// usp.GetSupportedProtocol: the versions of the controller; its response: those of the agent.
    GetSupportedProtocol, supported_protocol {
        1 VERSIONS: One Text;
    }
}
